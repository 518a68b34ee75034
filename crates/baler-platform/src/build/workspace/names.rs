//! The names in a directory, in the order of their bytes, in one piece of memory.

use std::ffi::CStr;
use std::io;
use std::ops::Range;
use std::os::fd::BorrowedFd;

use rustix::fs::RawDir;
use rustix::io::Errno;

/// Entries are read in so many bytes at a time.
const BUFFER: usize = 8 << 10;

/// The names, without those of the directory itself and the one above.
#[derive(Default)]
pub(super) struct Names {
    /// Each with its zero.
    bytes: Vec<u8>,
    places: Vec<Range<usize>>,
}

impl Names {
    pub(super) fn read(directory: BorrowedFd<'_>) -> io::Result<Self> {
        let mut names = Self::default();
        let mut buffer = Vec::with_capacity(BUFFER);
        let mut entries = RawDir::new(directory, buffer.spare_capacity_mut());
        while let Some(entry) = entries.next() {
            let entry = match entry {
                // It is being removed: nothing is in it.
                Err(Errno::NOENT) => break,
                entry => entry?,
            };
            let name = entry.file_name().to_bytes_with_nul();
            if !matches!(name, b".\0" | b"..\0") {
                let start = names.bytes.len();
                names.bytes.extend_from_slice(name);
                names.places.push(start..names.bytes.len());
            }
        }
        let Self { bytes, places } = &mut names;
        places.sort_unstable_by(|one, other| bytes[one.clone()].cmp(&bytes[other.clone()]));
        Ok(names)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &CStr> {
        self.places.iter().filter_map(|place| CStr::from_bytes_with_nul(&self.bytes[place.clone()]).ok())
    }

    pub(super) fn has(&self, name: &CStr) -> bool {
        self.places.binary_search_by(|place| self.bytes[place.clone()].cmp(name.to_bytes_with_nul())).is_ok()
    }
}
