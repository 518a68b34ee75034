//! A long blob on its way to the registry while it is still made.
//!
//! It is written to the local store, and a worker follows that file: nobody waits for the registry, however slow, and
//! nothing is kept in memory. A registry that keeps up gets short pieces, one that does not longer ones. An upload needs its
//! digest only in the end. When the blob is complete, what is left of it is sent; when it is not wanted after all, the
//! upload is ended. Whatever fails before the end costs nothing but time: the blob is sent from the store as any other.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use baler_image::{Sink, SinkError};
use baler_registry::FileUpload;

use super::job::unwrapped;
use super::queue::{Job, Queue};
use super::sink::Publisher;
use crate::output::Running;

/// A shorter blob is complete before it pays to begin.
const LONG: u64 = 8 << 20;
/// The worker is told of so many bytes at a time.
const STEP: u64 = 1 << 20;

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
    /// So many are written, as many as were asked for or more.
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

    /// Waits until so many bytes are `wanted`, if any, or for the end.
    fn next(&self, wanted: Option<u64>) -> Next {
        let mut state = self.state();
        loop {
            match std::mem::replace(&mut state.end, End::Dropped) {
                End::Complete(job) => return Next::Complete(job),
                End::Dropped => return Next::Dropped,
                End::Open => state.end = End::Open,
            }
            if wanted.is_some_and(|wanted| wanted <= state.written) {
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
        let mut upload = Some(self.sink(0).begin_file());
        let job = loop {
            match growing.next(upload.as_ref().map(FileUpload::wanted)) {
                Next::Bytes(written) => {
                    let check = |_| self.check();
                    // What fails is sent from the store.
                    upload.take_if(|upload| upload.send_piece(&growing.file, written, &check).is_err());
                }
                Next::Complete(job) => break job,
                Next::Dropped => return,
            }
        };
        let ended = upload.map(|upload| self.finish(&job, &growing.file, upload));
        let result = match ended {
            Some(Ok(())) => Ok(()),
            Some(Err(_)) | None => self.send(&job),
        };
        self.queue.done(job, result);
    }

    fn check(&self) -> io::Result<()> {
        self.context.interrupt.check().map_err(io::Error::other)
    }

    /// The blob is complete; the registry has the first bytes of it.
    fn finish(&self, job: &Job, file: &fs_err::File, upload: FileUpload) -> Result<(), SinkError> {
        let (sink, blob, sent) = (self.sink(job.to), &job.blob, upload.sent());
        // Another image may have it by now: the upload is ended then.
        if sink.has_blob(&blob.digest)? {
            self.tell(job, "there already");
            return Ok(());
        }
        self.tell(job, &format!("{sent} of {} bytes were sent before it was complete", blob.size));
        let running = Running::begin(self.context.output, self.task(job), Some(blob.size));
        running.advance(sent);
        let told = AtomicU64::new(sent);
        let watch = |read: u64| {
            // What is sent again after a fault counts once.
            running.advance(read.saturating_sub(told.fetch_max(read, Ordering::Relaxed)));
            self.check()
        };
        let failed = |source| SinkError::WriteBlob { place: sink.place(), digest: blob.digest.clone(), source };
        let sent = upload.commit(file, (&blob.digest, blob.size), &watch);
        sent.map_err(|error| unwrapped(error, failed))?;
        running.done();
        self.tell(job, &format!("sent, {} bytes", blob.size));
        Ok(())
    }
}
