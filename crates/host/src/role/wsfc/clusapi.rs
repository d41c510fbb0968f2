//! The calls of clusapi, with a limit of time around them.
//!
//! `GetNodeClusterState` comes first; the others are made only where the service runs. They are remote calls that may
//! hang, so they are made in a thread; while one hangs no second is made and the answer is "unknown".
#![allow(unsafe_code)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;

use windows_sys::Win32::Foundation::{ERROR_MORE_DATA, ERROR_SUCCESS, GetLastError};
use windows_sys::Win32::Networking::Clustering::{
    CloseCluster, CloseClusterGroup, ClusterGroupStateUnknown, GetClusterGroupState, GetNodeClusterState, HCLUSTER, HGROUP, OpenCluster,
    OpenClusterGroup,
};

use super::{Group, NodeState, View};
use crate::role::PATIENCE;

const NAME_MAX: usize = 1024;

pub(super) struct Asking {
    group: Vec<u16>,
    hangs: Arc<AtomicBool>,
}

impl Asking {
    pub fn new(group: &str) -> Self {
        Asking { group: group.encode_utf16().chain([0]).collect(), hangs: Arc::default() }
    }

    pub fn view(&self) -> Result<View, String> {
        if self.hangs.swap(true, Ordering::SeqCst) {
            return Err("the cluster service has not answered an earlier question yet".into());
        }
        let (group, hangs) = (self.group.clone(), self.hangs.clone());
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            let _nobody_waits_any_more = sender.send(look(&group));
            hangs.store(false, Ordering::SeqCst);
        });
        receiver.recv_timeout(PATIENCE).unwrap_or_else(|_| Err("the cluster service does not answer".into()))
    }
}

fn look(group: &[u16]) -> Result<View, String> {
    let computer = std::env::var("COMPUTERNAME").map_err(|_| "this computer does not know its name".to_owned())?;
    let mut state = 0;
    // SAFETY: null means this computer; the number outlives the call.
    let result = unsafe { GetNodeClusterState(std::ptr::null(), &mut state) };
    if result != ERROR_SUCCESS {
        return Err(format!("the state of the cluster service cannot be told (error {result})"));
    }
    let node = NodeState(state as u32);
    let group = if node == NodeState::RUNNING { Cluster::open().and_then(|cluster| cluster.group(group)) } else { Err(String::new()) };
    Ok(View { node, computer, group })
}

/// The cluster of this node, closed in the end.
struct Cluster(HCLUSTER);

impl Cluster {
    fn open() -> Result<Self, String> {
        // SAFETY: null means the cluster that this computer belongs to.
        let handle = unsafe { OpenCluster(std::ptr::null()) };
        if handle == 0 { Err(failed("the cluster cannot be opened")) } else { Ok(Cluster(handle)) }
    }

    fn group(&self, name: &[u16]) -> Result<Group, String> {
        // SAFETY: the handle is open, the name ends with NUL and outlives the call.
        let handle = unsafe { OpenClusterGroup(self.0, name.as_ptr()) };
        if handle == 0 {
            return Err(failed("it cannot be opened"));
        }
        let group = OpenGroup(handle);
        group.state()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // SAFETY: opened by `open`, closed once.
        unsafe { CloseCluster(self.0) };
    }
}

struct OpenGroup(HGROUP);

impl OpenGroup {
    fn state(&self) -> Result<Group, String> {
        let mut owner = [0u16; NAME_MAX];
        let mut length = NAME_MAX as u32;
        // SAFETY: the handle is open; the buffer holds `length` units and outlives the call.
        let state = unsafe { GetClusterGroupState(self.0, owner.as_mut_ptr(), &mut length) };
        if state == ClusterGroupStateUnknown {
            return Err(failed("its state cannot be told"));
        }
        let end = owner.iter().position(|unit| *unit == 0).ok_or_else(|| format!("its owner's name is too long ({ERROR_MORE_DATA})"))?;
        Ok(Group { state, owner: String::from_utf16_lossy(&owner[..end]) })
    }
}

impl Drop for OpenGroup {
    fn drop(&mut self) {
        // SAFETY: opened by `OpenClusterGroup`, closed once.
        unsafe { CloseClusterGroup(self.0) };
    }
}

fn failed(what: &str) -> String {
    // SAFETY: reads a number of this thread.
    let error = unsafe { GetLastError() };
    format!("{what} (error {error})")
}
