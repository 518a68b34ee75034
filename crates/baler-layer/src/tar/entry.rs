//! An entry of a tar, as it was read.

/// The kind of an entry that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    File,
    HardLink,
    Symlink,
    CharacterDevice,
    BlockDevice,
    Directory,
    Fifo,
    /// A kind that means nothing in an image.
    Other(u8),
}

/// A point in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time {
    pub seconds: i64,
    /// Below a thousand million; counts forward from the second, also before 1970.
    pub nanoseconds: u32,
}

/// An entry that was read, with its PAX records applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub kind: EntryKind,
    pub path: Vec<u8>,
    /// Target of a link, else empty.
    pub link: Vec<u8>,
    /// Permission bits with setuid, setgid and sticky.
    pub mode: u32,
    pub uid: u64,
    pub gid: u64,
    /// Size of the content, with the holes of a sparse file.
    pub size: u64,
    pub mtime: Time,
    /// Extended attributes (`SCHILY.xattr.*`) in the order of the records.
    pub attributes: Vec<(Vec<u8>, Vec<u8>)>,
}
