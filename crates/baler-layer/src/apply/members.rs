//! Gzip members that our own writer made ([`crate::sink`]), inflated by several threads.
//!
//! Each says its length, so whoever is free takes the next one out of the reader and inflates it; the results are put in
//! order again. Where something else follows, the rest is inflated by one thread, as other gzip is. Memory is bounded by
//! the buffers in flight.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Scope;

use flate2::bufread::MultiGzDecoder;
use libdeflater::Decompressor;

use crate::sink::block::BLOCK_SIZE;
use crate::sink::member::{HEADER_SIZE, MAXIMUM_SIZE, length};

/// More threads would wait for the one that writes files.
const MAXIMUM_THREADS: usize = 8;

/// Inflated bytes with their place.
type Numbered = (u64, io::Result<Vec<u8>>);

/// Whether a stream begins with a member of ours.
pub(super) fn is_own(start: &[u8]) -> bool {
    start.first_chunk().is_some_and(|header| length(header).is_some())
}

/// Where members are taken from, one thread at a time.
struct Members<R> {
    /// Nothing after the end and after an error.
    reader: Option<R>,
    next: u64,
}

/// Buffers, for who has use for one; a thread takes one before it takes a member, so that the member which is waited for
/// always has one.
type Buffers = Mutex<Receiver<Vec<u8>>>;

/// Starts the threads.
pub(super) fn inflate<'scope, R: Read + Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    threads: usize,
    reader: R,
) -> io::Result<Inflated> {
    let threads = threads.clamp(1, MAXIMUM_THREADS);
    let (to_fill, emptied) = channel();
    let (filled, results) = channel();
    for _ in 0..2 * threads + 2 {
        // The other end is here.
        let _ = to_fill.send(Vec::new());
    }
    let members = Arc::new(Mutex::new(Members { reader: Some(reader), next: 0 }));
    let buffers = Arc::new(Mutex::new(emptied));
    for _ in 0..threads {
        let (members, buffers, filled) = (Arc::clone(&members), Arc::clone(&buffers), filled.clone());
        let work = move || work(&members, &buffers, &filled);
        std::thread::Builder::new().name("inflate".to_owned()).spawn_scoped(scope, work)?;
    }
    Ok(Inflated { filled: results, to_fill, early: BTreeMap::new(), next: 0, current: Vec::new(), position: 0 })
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn work<R: Read>(members: &Mutex<Members<R>>, buffers: &Buffers, filled: &Sender<Numbered>) {
    let mut decompressor = Decompressor::new();
    let mut member = Vec::new();
    loop {
        // No buffers come any more when nobody reads.
        let Ok(mut buffer) = locked(buffers).recv() else { return };
        let mut source = locked(members);
        let number = source.next;
        match source.take(&mut member) {
            Ok(Taken::End) => return,
            Ok(Taken::Member) => {}
            Ok(Taken::Foreign) => return source.inflate_rest(&member, buffer, buffers, filled),
            Err(error) => {
                let _ = filled.send((number, Err(error)));
                return;
            }
        }
        drop(source);
        let result = inflate_member(&mut decompressor, &member, &mut buffer).map(|()| buffer);
        if filled.send((number, result)).is_err() {
            return;
        }
    }
}

enum Taken {
    Member,
    /// Something else begins with the bytes that were read.
    Foreign,
    End,
}

impl<R: Read> Members<R> {
    /// Reads the next member.
    fn take(&mut self, member: &mut Vec<u8>) -> io::Result<Taken> {
        let Some(reader) = &mut self.reader else { return Ok(Taken::End) };
        member.clear();
        let mut read = |member: &mut Vec<u8>, limit: usize| {
            let missing = limit - member.len();
            reader.by_ref().take(missing as u64).read_to_end(member)
        };
        let result = read(member, HEADER_SIZE).and_then(|_| {
            let Some(length) = member.first_chunk().and_then(length) else { return Ok(Taken::Foreign) };
            member.reserve(MAXIMUM_SIZE);
            read(member, length)?;
            if member.len() == length { Ok(Taken::Member) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
        });
        self.next += 1;
        if member.is_empty() && result.is_ok() {
            self.reader = None;
            return Ok(Taken::End);
        }
        if result.is_err() {
            self.reader = None;
        }
        result
    }

    /// Inflates what begins with `start`, in this thread; the others wait, and find the end.
    fn inflate_rest(&mut self, start: &[u8], mut buffer: Vec<u8>, buffers: &Buffers, filled: &Sender<Numbered>) {
        let Some(reader) = self.reader.take() else { return };
        let mut rest = MultiGzDecoder::new(io::BufReader::with_capacity(1 << 18, start.chain(reader)));
        let mut number = self.next - 1;
        loop {
            buffer.clear();
            let result = rest.by_ref().take(BLOCK_SIZE as u64).read_to_end(&mut buffer);
            let is_end = !matches!(result, Ok(count) if count > 0);
            if filled.send((number, result.map(|_| buffer))).is_err() || is_end {
                return;
            }
            number += 1;
            match locked(buffers).recv() {
                Ok(next) => buffer = next,
                Err(_) => return,
            }
        }
    }
}

/// Inflates one member; the library checks CRC and length.
fn inflate_member(decompressor: &mut Decompressor, member: &[u8], buffer: &mut Vec<u8>) -> io::Result<()> {
    let size = member.last_chunk().map_or(0, |size| u32::from_le_bytes(*size));
    let size = usize::try_from(size).ok().filter(|size| *size <= BLOCK_SIZE);
    let size = size.ok_or_else(|| damaged("a member says that it is larger than any"))?;
    buffer.resize(size, 0);
    let count = decompressor.gzip_decompress(member, buffer).map_err(|_| damaged("a gzip member is damaged"))?;
    if count == size { Ok(()) } else { Err(damaged("a gzip member is shorter than it says")) }
}

fn damaged(text: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

/// The bytes of all members, in order.
pub(super) struct Inflated {
    filled: Receiver<Numbered>,
    to_fill: Sender<Vec<u8>>,
    early: BTreeMap<u64, io::Result<Vec<u8>>>,
    next: u64,
    current: Vec<u8>,
    position: usize,
}

impl Inflated {
    /// The next buffer; `None` at the end.
    fn advance(&mut self) -> Option<io::Result<Vec<u8>>> {
        loop {
            if let Some(result) = self.early.remove(&self.next) {
                self.next += 1;
                return Some(result);
            }
            let (number, result) = self.filled.recv().ok()?;
            self.early.insert(number, result);
        }
    }
}

impl Read for Inflated {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        while self.position == self.current.len() {
            let Some(next) = self.advance() else { return Ok(0) };
            let used = std::mem::replace(&mut self.current, next?);
            self.position = 0;
            // Nobody fills it any more where all have come to the end.
            let _ = self.to_fill.send(used);
        }
        let count = bytes.len().min(self.current.len() - self.position);
        bytes[..count].copy_from_slice(&self.current[self.position..self.position + count]);
        self.position += count;
        Ok(count)
    }
}
