//! The numbers of docs/formats/prv.md: magics, sizes, limits. Nothing here decides anything.

pub(super) const VERSION: u16 = 1;

pub(super) const HEADER_MAGIC: [u8; 4] = [0x50, 0x2A, 0x4D, 0x18];
pub(super) const BLOCK_MAGIC: [u8; 4] = [0x51, 0x2A, 0x4D, 0x18];
pub(super) const INDEX_MAGIC: [u8; 4] = [0x52, 0x2A, 0x4D, 0x18];
pub(super) const TRAILER_MAGIC: [u8; 4] = [0x53, 0x2A, 0x4D, 0x18];

pub(super) const HEADER_MARK: [u8; 8] = *b"\x89PRV\r\n\x1a\n";
pub(super) const BLOCK_MARK: [u8; 4] = *b"PRVB";
pub(super) const INDEX_MARK: [u8; 4] = *b"PRVI";
pub(super) const TRAILER_MARK: [u8; 8] = *b"PRVEND\r\n";

/// Skippable frame: magic and length.
pub(super) const FRAME_BYTES: usize = 8;
pub(super) const DIGEST_BYTES: usize = 32;
/// Header up to and with the created time.
pub(super) const HEADER_FIXED_BYTES: usize = 84;
pub(super) const HEADER_BYTES_MAX: usize = 4096;
pub(super) const NAME_BYTES_MAX: usize = 255;
pub(super) const BLOCK_HEAD_BYTES: usize = 84;
/// Part of the block head that its digest covers.
pub(super) const BLOCK_HEAD_SIGNED_BYTES: usize = BLOCK_HEAD_BYTES - DIGEST_BYTES;
/// Index frame up to its zstd frame.
pub(super) const INDEX_FIXED_BYTES: usize = 32;
pub(super) const TRAILER_BYTES: usize = 96;
/// Type and length of a record.
pub(super) const RECORD_HEAD_BYTES: usize = 5;

/// Most items that one container holds.
pub const ITEMS_MAX: usize = 1 << 19;
/// Largest item in bytes.
pub const ITEM_BYTES_MAX: u64 = 1 << 40;
pub(super) const BLOCKS_MAX: usize = 1 << 20;
pub(super) const BLOCK_RAW_BYTES_MAX: usize = 20 << 20;
pub(super) const BLOCK_PACKED_BYTES_MAX: usize = BLOCK_RAW_BYTES_MAX + (64 << 10);
/// What a writer may be asked to aim at.
pub(super) const BLOCK_AIM_BYTES: std::ops::RangeInclusive<usize> = (4 << 10)..=(8 << 20);
pub(super) const RECORD_BYTES_MAX: usize = 1 << 20;
pub(super) const SKIPPED_MAX: usize = ITEMS_MAX;
pub(super) const INDEX_RAW_BYTES_MAX: usize = 128 << 20;
pub(super) const WINDOW_LOG: u32 = 23;

/// Size of a large item where it is not known yet.
pub(super) const SIZE_AT_END: u64 = u64::MAX;

/// Record types. From 128 on a reader may skip what it does not know; from `LATER` on this one knows none.
pub(super) mod kind {
    pub const FOLDER: u8 = 1;
    pub const ITEM: u8 = 2;
    pub const LARGE: u8 = 3;
    pub const PART: u8 = 4;
    pub const END: u8 = 5;
    pub const MARKS: u8 = 6;
    pub const MOVED: u8 = 7;
    pub const GONE: u8 = 8;
    pub const FOLDER_GONE: u8 = 9;
    pub const RECEIPT: u8 = 10;
    pub const SKIPPED: u8 = 11;
    pub const CENSUS: u8 = 12;
    pub const WANTED: u8 = 13;
    pub const ADOPT: u8 = 14;
    pub const GONE_WAS: u8 = 15;
    pub const CENSUS_INCOMPLETE: u8 = 16;
    pub const UNANSWERED: u8 = 128;
    pub const BESIDE: u8 = 129;
    pub const READY: u8 = 130;
    pub const CONFIRMED: u8 = 131;
    pub const CLOSED: u8 = 132;
    pub const UNREAD: u8 = 133;
    pub const LATER: u8 = 134;
}
