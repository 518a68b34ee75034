//! One blob into one repository, in the cheapest way: mounted, found there, or sent.

use std::io::{self, Read, Write};

use baler_image::{BlobWriter, Descriptor, Sink, SinkError, Source, SourceError};
use baler_registry::{Mounted, Repository};

use super::Likely;
use super::queue::Job;
use super::sink::Publisher;
use crate::output::{Activity, Level, Running, Task};

/// A blob that is not longer, and likely new, is sent without asking first: that takes as many requests.
const SHORT: u64 = 64 << 10;
/// A registry that forgets an upload gets it again, and what comes damaged is fetched again: so many times in all. The client
/// of registries tells of both.
const TRIES: u32 = 3;
const BUFFER: usize = 256 << 10;

impl Publisher<'_> {
    pub(super) fn send(&self, job: &Job) -> Result<(), SinkError> {
        let mut tried = 1;
        loop {
            match self.try_to_send(job) {
                Err(error) if tried < TRIES && (is_forgotten(&error) || is_damaged(&error)) => tried += 1,
                result => return result.map_err(|error| after(error, tried)),
            }
        }
    }

    fn try_to_send(&self, job: &Job) -> Result<(), SinkError> {
        let (sink, blob) = (self.sink(job.to), &job.blob);
        let mut writer = None;
        let mountable = self.mountable(job);
        for from in &mountable {
            match sink.mount_blob(&blob.digest, from)? {
                Mounted::Done => {
                    self.tell(job, &format!("mounted from {from}"));
                    return Ok(());
                }
                Mounted::Upload(begun) => {
                    writer = Some(begun);
                    break;
                }
                Mounted::No => {}
            }
        }
        let is_asked_for = match self.likely {
            Likely::New => writer.is_none() && blob.size > SHORT,
            Likely::There => true,
        };
        if is_asked_for && sink.has_blob(&blob.digest)? {
            self.tell(job, "there already");
            return Ok(());
        }
        let writer = writer.map_or_else(|| sink.begin_blob(), Ok)?;
        self.copy(job, writer)
    }

    /// The repositories of the same registry that may have the blob.
    pub(super) fn mountable(&self, job: &Job) -> Vec<Repository> {
        let target = self.sink(job.to).repository();
        // What the first destination has got is there for the others.
        let first = (job.to > 0).then(|| self.sink(0).repository().clone());
        let origins = self.origins.get(&job.blob.digest).into_iter().flatten();
        let mut all: Vec<Repository> = Vec::new();
        for repository in first.into_iter().chain(origins.filter_map(|origin| origin.repository.clone())) {
            if repository.registry() == target.registry() && repository != *target && !all.contains(&repository) {
                all.push(repository);
            }
        }
        all
    }

    fn copy(&self, job: &Job, mut writer: Box<dyn BlobWriter>) -> Result<(), SinkError> {
        let (sink, blob) = (self.sink(job.to), &job.blob);
        let failed = |source| SinkError::WriteBlob { place: sink.place(), digest: blob.digest.clone(), source };
        let mut reader = self.open(blob).map_err(|error| failed(io::Error::other(error)))?;
        let mut buffer = vec![0; BUFFER];
        let running = Running::begin(self.context.output, self.task(job), Some(blob.size));
        loop {
            self.context.interrupt.check().map_err(|error| failed(io::Error::other(error)))?;
            let count = reader.read(&mut buffer).map_err(failed)?;
            if count == 0 {
                break;
            }
            writer.write_all(&buffer[..count]).map_err(|error| unwrapped(error, failed))?;
            running.advance(count as u64);
        }
        writer.commit(&blob.digest, blob.size)?;
        running.done();
        self.tell(job, &format!("sent, {} bytes", blob.size));
        Ok(())
    }

    /// The blob's bytes: from the local store, else from where it was found.
    fn open(&self, blob: &Descriptor) -> Result<Box<dyn Read + Send>, SourceError> {
        let error = match self.context.store.blob(blob) {
            Err(error) => error,
            found => return found,
        };
        match self.origins.get(&blob.digest).and_then(|origins| origins.first()) {
            Some(origin) => origin.source.blob(&origin.blob),
            None => Err(error),
        }
    }

    /// One blob may go to several repositories at once.
    pub(super) fn task(&self, job: &Job) -> Task {
        let digest = job.blob.digest.short();
        let name = match job.to {
            0 => digest.to_owned(),
            to => format!("{digest} to {}", self.sink(to).repository()),
        };
        Task::new(Activity::Push, name)
    }

    pub(super) fn tell(&self, job: &Job, text: &str) {
        let (blob, repository) = (&job.blob, self.sink(job.to).repository());
        self.context.output.line(Level::Debug, &format!("Blob {} of {repository}: {text}", blob.digest));
    }
}

fn is_forgotten(error: &SinkError) -> bool {
    matches!(error, SinkError::LostUpload { .. })
}

/// Whether what was to be sent is another one than it should be, and comes from a registry.
fn is_damaged(error: &SinkError) -> bool {
    let SinkError::WriteBlob { source, .. } = error else { return false };
    let inner = source.get_ref().and_then(|inner| inner.downcast_ref::<SourceError>());
    inner.is_some_and(SourceError::is_damage_on_the_way)
}

/// The error, which says after how many tries where it is about damage.
fn after(error: SinkError, tries: u32) -> SinkError {
    match error {
        SinkError::WriteBlob { place, digest, source } => {
            let source = match source.downcast::<SourceError>() {
                Ok(damage) => io::Error::other(damage.after(tries)),
                Err(other) => other,
            };
            SinkError::WriteBlob { place, digest, source }
        }
        error => error,
    }
}

/// A writer tells of a place that takes no more with an I/O error around the real one.
pub(super) fn unwrapped(error: io::Error, failed: impl FnOnce(io::Error) -> SinkError) -> SinkError {
    match error.downcast::<SinkError>() {
        Ok(error) => error,
        Err(error) => failed(error),
    }
}
