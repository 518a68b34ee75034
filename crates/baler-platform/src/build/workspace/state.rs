//! What the system says of an entry, as far as it tells whether the entry is still the same.

use rustix::fs::{FileType, Stat};

/// No entry has this inode.
const NO_INODE: u64 = 0;

/// Seconds and nanoseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Time {
    pub(super) seconds: i64,
    pub(super) nanoseconds: u32,
}

/// Size and times of an entry, and which one it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    pub(super) device: u64,
    pub(super) inode: u64,
    pub(super) size: u64,
    pub(super) mode: u32,
    pub(super) modified: Time,
    /// Any change moves it, and no program can set it back.
    pub(super) changed: Time,
}

impl State {
    /// Bytes of a state in a record.
    pub(super) const LENGTH: usize = 3 * 8 + 4 + 2 * 12;

    #[allow(clippy::unnecessary_fallible_conversions, clippy::useless_conversion, reason = "types differ by platform")]
    pub(super) fn of(stat: &Stat) -> Self {
        let time = |seconds, nanoseconds: u64| Time { seconds, nanoseconds: nanoseconds.try_into().unwrap_or(0) };
        Self {
            device: stat.st_dev,
            inode: stat.st_ino,
            size: stat.st_size.try_into().unwrap_or(0),
            mode: stat.st_mode,
            modified: time(stat.st_mtime.into(), stat.st_mtime_nsec.try_into().unwrap_or(0)),
            changed: time(stat.st_ctime.into(), stat.st_ctime_nsec.try_into().unwrap_or(0)),
        }
    }

    pub(super) fn kind(&self) -> FileType {
        FileType::from_raw_mode(self.mode)
    }

    pub(super) fn permissions(&self) -> u32 {
        self.mode & 0o7777
    }

    /// One that equals no entry's.
    pub(super) fn spoilt(self) -> Self {
        Self { inode: NO_INODE, ..self }
    }

    pub(super) fn push_to(&self, bytes: &mut Vec<u8>) {
        for number in [self.device, self.inode, self.size] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&self.mode.to_le_bytes());
        for time in [self.modified, self.changed] {
            bytes.extend_from_slice(&time.seconds.to_le_bytes());
            bytes.extend_from_slice(&time.nanoseconds.to_le_bytes());
        }
    }

    pub(super) fn take_from(bytes: &mut &[u8]) -> Option<Self> {
        let mut state = Self::default();
        for number in [&mut state.device, &mut state.inode, &mut state.size] {
            *number = u64::from_le_bytes(take(bytes)?);
        }
        state.mode = u32::from_le_bytes(take(bytes)?);
        for time in [&mut state.modified, &mut state.changed] {
            time.seconds = i64::from_le_bytes(take(bytes)?);
            time.nanoseconds = u32::from_le_bytes(take(bytes)?);
        }
        Some(state)
    }
}

/// The next bytes of a record.
pub(super) fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*first)
}
