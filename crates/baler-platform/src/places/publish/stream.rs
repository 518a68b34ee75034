//! A long blob on its way to the registry while it is still made.
//!
//! It is written to the local store, and a worker follows that file: nobody waits for the registry, however slow, and
//! nothing is kept in memory but a chunk. An upload needs its digest only in the end. When the blob is complete, what is
//! left of it is sent; when it is not wanted after all, the upload is ended. Whatever fails before the end costs nothing
//! but time: the blob is sent from the store as any other.

use std::io::{self, Read, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use baler_image::{BlobWriter, Sink, SinkError};

use super::queue::{Job, Queue};
use super::sink::Publisher;

/// A shorter blob is complete before it pays to begin.
const LONG: u64 = 8 << 20;
/// The worker is told of so many bytes at a time.
const STEP: u64 = 1 << 20;
const BUFFER: usize = 256 << 10;

/// A blob that is written, as its worker sees it.
pub(super) struct Growing {
    file: fs_err::File,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    written: u64,
    end: End,
}

enum End {
    /// More comes.
    Open,
    /// All of it is in the store, and the registry is to have it.
    Complete(Job),
    /// It is not wanted.
    Dropped,
}

/// What a worker finds.
enum Next {
    Bytes(u64),
    Complete(Job),
    Dropped,
}

impl Growing {
    pub(super) fn new(file: fs_err::File) -> Self {
        Self { file, state: Mutex::new(State { written: 0, end: End::Open }), changed: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for more than the `taken` bytes that are known, or the end.
    fn next(&self, taken: u64) -> Next {
        let mut state = self.state();
        loop {
            match std::mem::replace(&mut state.end, End::Dropped) {
                End::Complete(job) => return Next::Complete(job),
                End::Dropped => return Next::Dropped,
                End::Open => state.end = End::Open,
            }
            if state.written > taken {
                return Next::Bytes(state.written);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn end(&self, end: End) {
        self.state().end = end;
        self.changed.notify_all();
    }
}

/// The same as its writer sees it. Dropped without a commit, the blob is not wanted.
pub(super) struct Growth {
    growing: Arc<Growing>,
    written: u64,
    told: u64,
    is_followed: bool,
}

impl Growth {
    pub(super) fn new(growing: Growing) -> Self {
        Self { growing: Arc::new(growing), written: 0, told: 0, is_followed: false }
    }

    /// More is in the file; once it is long, a worker follows it.
    pub(super) fn add(&mut self, count: u64, queue: &Queue) {
        self.written += count;
        if self.written < LONG || self.written - self.told < STEP {
            return;
        }
        self.told = self.written;
        self.growing.state().written = self.written;
        if self.is_followed {
            self.growing.changed.notify_all();
        } else {
            self.is_followed = true;
            queue.follow(Arc::clone(&self.growing));
        }
    }

    /// All of it is in the store.
    pub(super) fn commit(self, job: Job, queue: &Queue) {
        if !self.is_followed {
            queue.add(job);
        } else if queue.adopt(&job) {
            self.growing.end(End::Complete(job));
        }
    }
}

impl Drop for Growth {
    fn drop(&mut self) {
        let mut state = self.growing.state();
        if matches!(state.end, End::Open) {
            state.end = End::Dropped;
            self.growing.changed.notify_all();
        }
    }
}

impl Publisher<'_> {
    /// Sends a blob while it grows.
    pub(super) fn follow(&self, growing: &Growing) {
        let mut upload = Some(self.sink(0).begin_growing_blob());
        let (mut file, mut buffer) = (&growing.file, vec![0; BUFFER]);
        let (mut sent, mut known) = (0, 0);
        let job = loop {
            match growing.next(known) {
                Next::Bytes(written) => known = written,
                Next::Complete(job) => break job,
                Next::Dropped => return,
            }
            while sent < known && self.context.interrupt.check().is_ok() {
                let Some(writer) = &mut upload else { break };
                match send_some(&mut file, writer, &mut buffer) {
                    Ok(count) => sent += count,
                    // It is sent from the store.
                    Err(_) => upload = None,
                }
            }
        };
        let ended = upload.map(|writer| self.finish(&job, (&mut file, sent), writer));
        let result = match ended {
            Some(Ok(())) => Ok(()),
            Some(Err(_)) | None => self.send(&job),
        };
        self.queue.done(job, result);
    }

    /// The blob is complete; the registry has the first bytes of it.
    fn finish(
        &self,
        job: &Job,
        (file, sent): (&mut dyn Read, u64),
        writer: Box<dyn BlobWriter>,
    ) -> Result<(), SinkError> {
        // Another image may have it by now: the upload is ended then.
        if self.sink(job.to).has_blob(&job.blob.digest)? {
            self.tell(job, "there already");
            return Ok(());
        }
        self.tell(job, &format!("{sent} of {} bytes were sent before it was complete", job.blob.size));
        self.pass_on(job, (file, sent), writer)
    }
}

/// Sends the next bytes of a file.
fn send_some(file: &mut dyn Read, writer: &mut dyn Write, buffer: &mut [u8]) -> io::Result<u64> {
    let count = file.read(buffer)?;
    if count == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    writer.write_all(&buffer[..count])?;
    Ok(count as u64)
}
