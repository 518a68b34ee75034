//! A blob that goes up from a file, which may still grow.
//!
//! The file is what is kept until the registry has it: pieces can be long, and take no memory.

use std::io;
use std::sync::Arc;

use baler_image::{Digest, Repository};

use crate::client::Client;
use crate::session::{Bytes, Kept, Session, Watch};
use crate::transport::{Content, FilePart};

/// Shorter pieces are not worth what each costs a registry: a well-known one writes a file and waits five times for its disk.
const SHORTEST_PIECE: u64 = 8 << 20;
/// Longer ones would be lost where a connection breaks and the registry keeps nothing of a piece.
const LONGEST_PIECE: u64 = 32 << 20;

/// A blob that is sent from a file. Dropped without a commit, it is not wanted.
pub struct FileUpload {
    session: Session,
}

impl FileUpload {
    pub(crate) fn new(client: Arc<Client>, repository: Repository) -> Self {
        Self { session: Session::new(client, repository, None) }
    }

    /// How many bytes the registry has.
    pub fn sent(&self) -> u64 {
        self.session.sent
    }

    /// How long the file must be for the next piece; longer than any where the registry takes no pieces.
    pub fn wanted(&self) -> u64 {
        if self.session.is_whole() { u64::MAX } else { self.session.sent + self.session.piece(SHORTEST_PIECE) }
    }

    /// Sends a piece of a file that has `length` bytes, as many as are wanted or more. `watch` is told how far the file was
    /// read, again after a fault, and may end it for good. An error is that of `watch`, or has a [`baler_image::SinkError`]
    /// inside.
    pub fn send_piece(&mut self, file: &fs_err::File, length: u64, watch: Watch<'_>) -> io::Result<()> {
        // The registry's answer may be that it wants longer pieces.
        self.session.begun().map_err(io::Error::other)?;
        if self.wanted() > length {
            return Ok(());
        }
        self.send(file, length, watch)
    }

    /// Sends the rest of a complete file.
    pub fn commit(mut self, file: &fs_err::File, (digest, size): (&Digest, u64), watch: Watch<'_>) -> io::Result<()> {
        while self.sent() < size && !self.session.is_whole() {
            self.send(file, size, watch)?;
        }
        let is_sent = self.sent() == size;
        let whole = FilePart { file, start: 0, end: size, watch };
        let content = if is_sent { Content::Nothing } else { Content::File(whole) };
        let finished = self.session.finish(digest, content);
        finished.map_err(|error| watch(self.sent()).err().unwrap_or_else(|| io::Error::other(error)))
    }

    fn send(&mut self, file: &fs_err::File, length: u64, watch: Watch<'_>) -> io::Result<()> {
        watch(self.sent())?;
        let end = length.min(self.sent() + self.session.piece(LONGEST_PIECE));
        let sent = self.session.send(&Kept { start: 0, end, bytes: Bytes::File(file, watch) });
        if sent.is_err() && self.session.is_whole() {
            // The file has all of it still.
            return Ok(());
        }
        sent.map_err(|error| watch(self.sent()).err().unwrap_or_else(|| io::Error::other(error)))
    }
}
