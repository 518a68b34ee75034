//! The bytes of a layer: decompressed on one thread and hashed on another, so that files are written meanwhile.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{Scope, ScopedJoinHandle};

use baler_image::Digest;
use flate2::bufread::MultiGzDecoder;
use sha2::{Digest as _, Sha256};

use super::zstd::Frames;
use super::{ApplyError, members};
use crate::sink::member::HEADER_SIZE;

const CHUNK_SIZE: usize = 256 * 1024;
/// How many chunks wait between two threads.
const CHUNKS: usize = 4;

pub(crate) const GZIP: &[u8] = &[0x1f, 0x8b];
pub(crate) const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
/// What `pzstd` and others begin with.
pub(crate) const ZSTD_SKIPPABLE: &[u8] = &[0x50, 0x2a, 0x4d, 0x18];

/// The tar in `reader`, whatever compression it has. `threads` inflate what our own writer made.
pub(super) fn decompressed<'scope>(
    scope: &'scope Scope<'scope, '_>,
    threads: usize,
    reader: impl Read + Send + 'scope,
) -> Result<Box<dyn Read + Send + 'scope>, ApplyError> {
    let mut reader = BufReader::with_capacity(CHUNK_SIZE, reader);
    let mut start = [0; HEADER_SIZE];
    let length = fill(&mut reader, &mut start).map_err(|source| ApplyError::Read { source })?;
    let start = &start[..length];
    // These bytes were taken out of a reader that may have had fewer of them at first.
    let whole = io::Cursor::new(start.to_vec()).chain(reader);
    Ok(if members::is_own(start) {
        Box::new(members::inflate(scope, threads, whole).map_err(|source| ApplyError::Thread { source })?)
    } else {
        match Compression::of(start) {
            Compression::Gzip => Box::new(MultiGzDecoder::new(whole)),
            Compression::Zstd => Box::new(Frames::new(whole)),
            Compression::None => Box::new(whole),
        }
    })
}

/// The bytes in `reader` without the compression that they may have (gzip, zstd).
pub fn plain(reader: impl Read + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
    let mut reader = BufReader::with_capacity(CHUNK_SIZE, reader);
    let mut start = [0; ZSTD.len()];
    let length = fill(&mut reader, &mut start)?;
    let start = &start[..length];
    let whole = io::Cursor::new(start.to_vec()).chain(reader);
    Ok(match Compression::of(start) {
        Compression::Gzip => Box::new(MultiGzDecoder::new(whole)),
        Compression::Zstd => Box::new(Frames::new(whole)),
        Compression::None => Box::new(whole),
    })
}

/// How bytes are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    None,
    Gzip,
    Zstd,
}

impl Compression {
    /// By what compressed bytes begin with.
    pub fn of(start: &[u8]) -> Self {
        if start.starts_with(GZIP) {
            Self::Gzip
        } else if start.starts_with(ZSTD) || start.starts_with(ZSTD_SKIPPABLE) {
            Self::Zstd
        } else {
            Self::None
        }
    }
}

/// Reads until `bytes` is full or the end is reached.
pub(crate) fn fill(reader: &mut impl Read, bytes: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < bytes.len() {
        match reader.read(&mut bytes[length..]) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

/// Starts the threads that read `tar` and hash it. They end at its end, or when the chunks are dropped.
pub(super) fn read<'scope>(
    scope: &'scope Scope<'scope, '_>,
    tar: impl Read + Send + 'scope,
) -> Result<(Chunks, ScopedJoinHandle<'scope, Digest>), ApplyError> {
    let (to_fill, emptied) = channel();
    let (to_hash, filled) = sync_channel(CHUNKS);
    let (hashed, chunks) = sync_channel(CHUNKS);
    let builder = |name: &str| std::thread::Builder::new().name(name.to_owned());
    let started = builder("layer").spawn_scoped(scope, move || fill_chunks(tar, &to_hash, &emptied));
    started.map_err(|source| ApplyError::Thread { source })?;
    let hash = builder("hash").spawn_scoped(scope, move || hash_chunks(&filled, &hashed));
    let hash = hash.map_err(|source| ApplyError::Thread { source })?;
    Ok((Chunks { filled: chunks, emptied: to_fill, chunk: Vec::new(), position: 0, is_at_end: false }, hash))
}

/// An empty one is the end.
type Chunk = io::Result<Vec<u8>>;

/// Reads everything; ends early when no one takes it.
fn fill_chunks(mut tar: impl Read, filled: &SyncSender<Chunk>, emptied: &Receiver<Vec<u8>>) {
    loop {
        let mut chunk = emptied.try_recv().unwrap_or_default();
        chunk.resize(CHUNK_SIZE, 0);
        let result = fill(&mut tar, &mut chunk).map(|length| {
            chunk.truncate(length);
            chunk
        });
        let is_last = result.as_ref().map_or(true, Vec::is_empty);
        if filled.send(result).is_err() || is_last {
            return;
        }
    }
}

/// Hashes everything and passes it on; ends early when no one takes it.
fn hash_chunks(chunks: &Receiver<Chunk>, hashed: &SyncSender<Chunk>) -> Digest {
    let mut hash = Sha256::new();
    for chunk in chunks {
        if let Ok(bytes) = &chunk {
            hash.update(bytes);
        }
        if hashed.send(chunk).is_err() {
            break;
        }
    }
    Digest::from_sha256(hash.finalize().into())
}

/// The chunks as one stream.
pub(super) struct Chunks {
    filled: Receiver<Chunk>,
    emptied: Sender<Vec<u8>>,
    chunk: Vec<u8>,
    position: usize,
    is_at_end: bool,
}

impl BufRead for Chunks {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.position == self.chunk.len() && !self.is_at_end {
            // The other end is gone only after it said that this is the end, or why it stopped.
            let next = self.filled.recv().unwrap_or(Ok(Vec::new()))?;
            self.is_at_end = next.is_empty();
            self.position = 0;
            let _ = self.emptied.send(std::mem::replace(&mut self.chunk, next));
        }
        Ok(&self.chunk[self.position..])
    }

    fn consume(&mut self, count: usize) {
        self.position += count;
    }
}

impl Read for Chunks {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let found = self.fill_buf()?;
        let count = found.len().min(bytes.len());
        bytes[..count].copy_from_slice(&found[..count]);
        self.consume(count);
        Ok(count)
    }
}
