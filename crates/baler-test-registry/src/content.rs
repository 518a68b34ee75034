//! The bytes of a blob, in memory or in a file.

use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;

use baler_image::{Algorithm, Digest};
use bytes::Bytes;
use sha2::{Digest as _, Sha512};

/// Bytes that do not change any more.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    Memory(Bytes),
    File { path: PathBuf, length: u64 },
}

impl Content {
    pub(crate) fn length(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File { length, .. } => *length,
        }
    }

    /// All of it.
    pub(crate) fn bytes(&self) -> io::Result<Bytes> {
        match self {
            Self::Memory(bytes) => Ok(bytes.clone()),
            Self::File { path, .. } => Ok(fs_err::read(path)?.into()),
        }
    }

    pub(crate) fn open(&self, start: u64) -> io::Result<Reader> {
        match self {
            Self::Memory(bytes) => {
                let start = usize::try_from(start).unwrap_or(usize::MAX).min(bytes.len());
                Ok(Reader::Memory(bytes.slice(start..)))
            }
            Self::File { path, .. } => {
                let mut file = fs_err::File::open(path)?;
                file.seek(SeekFrom::Start(start))?;
                Ok(Reader::File(file))
            }
        }
    }
}

/// Content that is being read.
pub(crate) enum Reader {
    Memory(Bytes),
    File(fs_err::File),
}

impl Reader {
    /// The next piece, of `most` bytes at most; empty at the end.
    pub(crate) fn piece(&mut self, most: usize) -> io::Result<Bytes> {
        match self {
            Self::Memory(bytes) => Ok(bytes.split_to(most.min(bytes.len()))),
            Self::File(file) => {
                let mut piece = vec![0; most];
                let count = file.read(&mut piece)?;
                piece.truncate(count);
                Ok(piece.into())
            }
        }
    }
}

/// Content that still grows.
pub(crate) struct Growing {
    store: Store,
    hasher: sha2::Sha256,
    length: u64,
}

enum Store {
    Memory(Vec<u8>),
    File(fs_err::File),
}

impl Growing {
    pub(crate) fn new(file: Option<fs_err::File>) -> Self {
        let store = file.map_or(Store::Memory(Vec::new()), Store::File);
        Self { store, hasher: sha2::Sha256::default(), length: 0 }
    }

    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    pub(crate) fn push(&mut self, piece: &[u8]) -> io::Result<()> {
        match &mut self.store {
            Store::Memory(bytes) => bytes.extend_from_slice(piece),
            Store::File(file) => file.write_all(piece)?,
        }
        self.hasher.update(piece);
        self.length += piece.len() as u64;
        Ok(())
    }

    /// Its digest by an algorithm.
    pub(crate) fn digest(&self, algorithm: Algorithm) -> io::Result<Digest> {
        match algorithm {
            Algorithm::Sha256 => Ok(Digest::from_sha256(self.hasher.clone().finalize().into())),
            Algorithm::Sha512 => {
                let hash = match &self.store {
                    Store::Memory(bytes) => Sha512::digest(bytes),
                    Store::File(file) => Sha512::digest(fs_err::read(file.path())?),
                };
                let hex: Vec<String> = hash.iter().map(|byte| format!("{byte:02x}")).collect();
                Ok(format!("sha512:{}", hex.concat()).parse().expect("64 bytes in hexadecimal are a digest"))
            }
        }
    }

    /// Ends it. A file is moved to `path`.
    pub(crate) fn finish(self, path: Option<PathBuf>) -> io::Result<Content> {
        match (self.store, path) {
            (Store::File(file), Some(path)) => {
                fs_err::rename(file.path(), &path)?;
                Ok(Content::File { path, length: self.length })
            }
            (Store::File(file), None) => Ok(Content::Memory(fs_err::read(file.path())?.into())),
            (Store::Memory(bytes), _) => Ok(Content::Memory(bytes.into())),
        }
    }
}
