//! How much the allocator keeps of what was freed.

/// glibc gives every thread an arena of its own, up to eight for each processor, and keeps in each what was freed there. With four threads
/// for each of several mailboxes that is more than all that is in use.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code)]
pub fn keep_little_memory() {
    const ARENAS: i32 = 2;
    // SAFETY: sets a number in the allocator, under its own lock.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, ARENAS) };
}

/// Other allocators give back what they do not need.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn keep_little_memory() {}
