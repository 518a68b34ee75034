//! Writes tar entries in order. Byte rules: USTAR where everything fits, else PAX; see [`super`].

use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::TarError;
use super::header::{BLOCK_SIZE, Header, Kind};
use crate::NORMALISED_TIME;

const BUFFER_SIZE: usize = 128 * 1024;

/// User and group id of an entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner {
    pub uid: u32,
    pub gid: u32,
}

impl Owner {
    /// 0:0.
    pub const ROOT: Self = Self { uid: 0, gid: 0 };

    /// The owner with these ids.
    pub const fn new(uid: u32, gid: u32) -> Self {
        Self { uid, gid }
    }
}

/// What a header says beside name, kind and size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// Permission bits with setuid, setgid and sticky (`0o7777`); other bits are dropped.
    pub mode: u32,
    pub owner: Owner,
    /// Seconds since 1970.
    pub mtime: i64,
}

impl Attributes {
    /// Mode and owner with the normalised time.
    pub const fn new(mode: u32, owner: Owner) -> Self {
        Self { mode, owner, mtime: NORMALISED_TIME }
    }
}

/// A node that is neither file nor directory nor link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpecialFile {
    Fifo,
    CharacterDevice { major: u32, minor: u32 },
    BlockDevice { major: u32, minor: u32 },
}

/// Writes a tar stream. Without [`TarWriter::finish`] the stream has no end mark.
///
/// Names are written as they are given.
#[derive(Debug)]
pub struct TarWriter<W: Write> {
    output: W,
    buffer: Vec<u8>,
}

impl<W: Write> TarWriter<W> {
    /// Begins a tar on `output`, which should take small writes well.
    pub fn new(output: W) -> Self {
        Self { output, buffer: vec![0; BUFFER_SIZE] }
    }

    /// Adds a directory.
    pub fn directory(&mut self, path: &Path, attributes: &Attributes) -> Result<(), TarError> {
        self.header(path, &header(Kind::Directory, path, attributes))
    }

    /// Adds a symbolic link; `target` is written as it is. The usual mode is 0777.
    pub fn symlink(&mut self, path: &Path, target: &Path, attributes: &Attributes) -> Result<(), TarError> {
        self.header(path, &Header { link: target.as_os_str().as_bytes(), ..header(Kind::Symlink, path, attributes) })
    }

    /// Adds a hard link to the earlier entry `target`.
    pub fn hard_link(&mut self, path: &Path, target: &Path, attributes: &Attributes) -> Result<(), TarError> {
        self.header(path, &Header { link: target.as_os_str().as_bytes(), ..header(Kind::HardLink, path, attributes) })
    }

    /// Adds a fifo or device.
    pub fn special(&mut self, path: &Path, node: SpecialFile, attributes: &Attributes) -> Result<(), TarError> {
        let (kind, device) = match node {
            SpecialFile::Fifo => (Kind::Fifo, (0, 0)),
            SpecialFile::CharacterDevice { major, minor } => (Kind::CharacterDevice, (major, minor)),
            SpecialFile::BlockDevice { major, minor } => (Kind::BlockDevice, (major, minor)),
        };
        self.header(path, &Header { device, ..header(kind, path, attributes) })
    }

    /// Adds a file of exactly `size` bytes, read from `content`.
    pub fn file(
        &mut self,
        path: &Path,
        attributes: &Attributes,
        size: u64,
        content: impl Read,
    ) -> Result<(), TarError> {
        self.header(path, &Header { size, ..header(Kind::File, path, attributes) })?;
        self.content(path, size, content)
    }

    /// Adds a file whose size is only known by reading it, which is right for small ones: `content` is the whole of it.
    pub fn file_of_bytes(&mut self, path: &Path, attributes: &Attributes, content: &[u8]) -> Result<(), TarError> {
        self.file(path, attributes, content.len() as u64, content)
    }

    /// Writes the end mark (two zero blocks) and hands the output back.
    pub fn finish(mut self) -> Result<W, TarError> {
        self.write(&[0; 2 * BLOCK_SIZE])?;
        Ok(self.output)
    }

    fn header(&mut self, path: &Path, header: &Header<'_>) -> Result<(), TarError> {
        if header.path.contains(&0) || header.link.contains(&0) {
            return Err(TarError::NulInName { path: path.to_owned() });
        }
        let blocks = header.encode();
        self.write(&blocks)
    }

    fn content(&mut self, path: &Path, size: u64, mut content: impl Read) -> Result<(), TarError> {
        let mut found = 0;
        loop {
            // One byte more than is missing, to see that the file ends where it should.
            let wanted = usize::try_from(size - found + 1).map_or(BUFFER_SIZE, |wanted| wanted.min(BUFFER_SIZE));
            let count = match content.read(&mut self.buffer[..wanted]) {
                Ok(count) => count,
                Err(source) if source.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(TarError::ReadFile { path: path.to_owned(), source }),
            };
            if count == 0 {
                break;
            }
            found += count as u64;
            if found > size {
                break;
            }
            self.output.write_all(&self.buffer[..count]).map_err(|source| TarError::Write { source })?;
        }
        if found != size {
            return Err(TarError::Changed { path: path.to_owned(), expected: size, found });
        }
        let padding = size.next_multiple_of(BLOCK_SIZE as u64) - size;
        self.write(&[0; BLOCK_SIZE][..usize::try_from(padding).expect("less than a block")])
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), TarError> {
        self.output.write_all(bytes).map_err(|source| TarError::Write { source })
    }
}

fn header<'a>(kind: Kind, path: &'a Path, attributes: &Attributes) -> Header<'a> {
    Header {
        kind,
        path: path.as_os_str().as_bytes(),
        link: b"",
        mode: attributes.mode,
        uid: attributes.owner.uid.into(),
        gid: attributes.owner.gid.into(),
        size: 0,
        mtime: attributes.mtime,
        device: (0, 0),
    }
}

#[cfg(test)]
mod tests {
    use baler_image::Digest;

    use super::*;

    const ATTRIBUTES: Attributes = Attributes::new(0o644, Owner::new(1, 2));

    #[test]
    fn an_empty_layer_is_two_zero_blocks() {
        let bytes = TarWriter::new(Vec::new()).finish().unwrap();
        assert_eq!(
            Digest::of(&bytes).to_string(),
            "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"
        );
    }

    #[test]
    fn content_is_padded_to_blocks() {
        for size in [0, 1, 511, 512, 513, BUFFER_SIZE, BUFFER_SIZE + 1] {
            let mut writer = TarWriter::new(Vec::new());
            writer.file_of_bytes(Path::new("/a"), &ATTRIBUTES, &vec![7; size]).unwrap();
            let bytes = writer.finish().unwrap();
            assert_eq!(bytes.len(), 512 + size.next_multiple_of(512) + 1024);
            assert!(bytes[512..512 + size].iter().all(|byte| *byte == 7));
            assert!(bytes[512 + size..].iter().all(|byte| *byte == 0));
        }
    }

    #[test]
    fn a_file_of_another_length_is_an_error() {
        for (content, found) in [("abc", 3), ("abcde", 5), ("abcdefgh", 5)] {
            let error =
                TarWriter::new(Vec::new()).file(Path::new("/a"), &ATTRIBUTES, 4, content.as_bytes()).unwrap_err();
            assert!(matches!(error, TarError::Changed { expected: 4, found: count, .. } if count == found), "{error}");
        }
    }

    #[test]
    fn a_name_with_nul_is_an_error() {
        let error = TarWriter::new(Vec::new()).directory(Path::new("/a\0b"), &ATTRIBUTES).unwrap_err();
        assert_eq!(error.to_string(), r#"name "/a\0b" holds a NUL byte"#);
    }
}
