//! A blob that goes up while it is written.
//!
//! What is short is sent at once, when it is complete. What is longer goes in chunks; each is kept in memory until the
//! registry has it.

use std::io::{self, Write};
use std::sync::Arc;

use baler_image::{BlobWriter, Digest, Repository, SinkError};

use crate::client::Client;
use crate::session::{Begun, Bytes, Kept, Session};
use crate::transport::Content;

/// Large enough that round trips do not count, small enough for several uploads at once. A registry may ask for more.
const CHUNK: usize = 5 << 20;
/// With so much of a chunk the rest is expected to come, too.
const GROWN: usize = 1 << 20;

/// A blob that is being sent.
pub(crate) struct Upload {
    session: Session,
    /// What the registry has not confirmed.
    waiting: Vec<u8>,
}

impl Upload {
    pub(crate) fn new(client: Arc<Client>, repository: Repository, begun: Option<Begun>) -> Self {
        Self { session: Session::new(client, repository, begun), waiting: Vec::new() }
    }

    fn chunk(&self) -> usize {
        usize::try_from(self.session.piece(CHUNK as u64)).unwrap_or(CHUNK)
    }

    fn send_chunk(&mut self) -> Result<(), SinkError> {
        let start = self.session.sent;
        let end = start + self.waiting.len() as u64;
        let sent = self.session.send(&Kept { start, end, bytes: Bytes::Memory(&self.waiting) });
        self.waiting.clear();
        sent
    }
}

impl Write for Upload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.waiting.len() >= self.chunk() {
            // The registry's answer may be that it wants longer chunks.
            self.session.begun().map_err(io::Error::other)?;
        }
        if self.waiting.len() >= self.chunk() {
            self.send_chunk().map_err(io::Error::other)?;
        }
        let chunk = self.chunk();
        let count = bytes.len().min(chunk - self.waiting.len());
        if self.waiting.len() + count > self.waiting.capacity() && self.waiting.len() >= GROWN {
            // Doubled, it would have room for what never comes.
            self.waiting.reserve_exact(chunk - self.waiting.len());
        }
        self.waiting.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    /// Does nothing: what is written counts when it is committed.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl BlobWriter for Upload {
    fn commit(mut self: Box<Self>, digest: &Digest, _size: u64) -> Result<(), SinkError> {
        if self.session.sent > 0 {
            self.send_chunk()?;
        }
        self.session.finish(digest, Content::Bytes(&self.waiting))
    }
}
