//! Archives that people packed: tar in any compression that layers come in.
//!
//! What they hold is read as a stream and never unpacked here, so no name in one can lead anywhere.

use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use crate::apply::stream::{GZIP, ZSTD, ZSTD_SKIPPABLE, fill};
use crate::apply::zstd::Frames;
use crate::tar::{ReadError, TarReader};

const BUFFER: usize = 256 * 1024;

/// The tar in `reader`: plain, gzip of any number of members, or zstd.
pub fn decompress<'a>(reader: impl Read + Send + 'a) -> io::Result<Box<dyn BufRead + Send + 'a>> {
    let mut reader = BufReader::with_capacity(BUFFER, reader);
    let mut start = [0; 4];
    let length = fill(&mut reader, &mut start)?;
    let start = &start[..length];
    let whole = io::Cursor::new(start.to_vec()).chain(reader);
    Ok(if start.starts_with(GZIP) {
        Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(whole)))
    } else if start.starts_with(ZSTD) || start.starts_with(ZSTD_SKIPPABLE) {
        Box::new(BufReader::with_capacity(BUFFER, Frames::new(whole)))
    } else {
        Box::new(whole)
    })
}

/// The content of the current entry, as a stream.
pub struct Content<'a, R>(pub &'a mut TarReader<R>);

impl<R: BufRead> Read for Content<'_, R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let content = self.0.content().map_err(into_io)?;
        let count = content.len().min(bytes.len());
        bytes[..count].copy_from_slice(&content[..count]);
        self.0.consume(count);
        Ok(count)
    }
}

fn into_io(error: ReadError) -> io::Error {
    match error {
        ReadError::Read { source } => source,
        error => io::Error::new(io::ErrorKind::InvalidData, error),
    }
}

/// The name of an entry without `.` and `..`, relative; empty for the root. `None` where it leads out of the archive.
pub fn clean_name(name: &[u8]) -> Option<PathBuf> {
    let mut clean = PathBuf::new();
    for component in Path::new(std::ffi::OsStr::from_bytes(name)).components() {
        match component {
            Component::Normal(part) => clean.push(part),
            Component::ParentDir if clean.pop() => {}
            Component::ParentDir => return None,
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    Some(clean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_inside() {
        let clean = |text: &str| clean_name(text.as_bytes()).map(|path| path.display().to_string());
        assert_eq!(clean("./a//b/").as_deref(), Some("a/b"));
        assert_eq!(clean("/a/../b").as_deref(), Some("b"));
        assert_eq!(clean("./").as_deref(), Some(""));
        assert_eq!(clean("a/../../b"), None);
    }
}
