//! Blobs that wait to be sent: files without names, which go with the process.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use baler_image::{BlobWriter, Descriptor, Digest, Found, ImageName, Place, SinkError, Source, SourceError};
use fs_err::os::unix::fs::FileExt;

use crate::source::DaemonSource;

type Files = Mutex<BTreeMap<Digest, Arc<fs_err::File>>>;

/// The blobs that wait; those that the daemon has are read from there.
pub(crate) struct Waiting {
    pub(crate) source: Arc<DaemonSource>,
    work: PathBuf,
    files: Arc<Files>,
}

pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Waiting {
    pub(crate) fn new(source: Arc<DaemonSource>, work: &Path) -> Self {
        Self { source, work: work.to_owned(), files: Arc::default() }
    }

    pub(crate) fn has(&self, digest: &Digest) -> bool {
        locked(&self.files).contains_key(digest)
    }

    pub(crate) fn begin(&self) -> Result<WaitingBlob, SinkError> {
        let place = self.place();
        let file = tempfile::tempfile_in(&self.work);
        let file = file.map_err(|source| SinkError::BeginBlob { place: place.clone(), source })?;
        let file = fs_err::File::from_parts(file, self.work.join("blob"));
        Ok(WaitingBlob { file, written: 0, place, files: Arc::clone(&self.files) })
    }
}

impl Source for Waiting {
    fn place(&self) -> Place {
        self.source.place()
    }

    fn find(&self, name: &ImageName) -> Result<Option<Found>, SourceError> {
        self.source.find(name)
    }

    fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>, SourceError> {
        let mut bytes = Vec::new();
        let read = self.blob(descriptor)?.read_to_end(&mut bytes);
        read.map(|_| bytes).map_err(|source| SourceError::Read { place: self.place(), source })
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, SourceError> {
        let waiting = locked(&self.files).get(&descriptor.digest).cloned();
        match waiting {
            Some(file) => Ok(Box::new(Positioned { file, position: 0 })),
            None => self.source.blob(descriptor),
        }
    }
}

/// A blob that is written.
pub(crate) struct WaitingBlob {
    file: fs_err::File,
    written: u64,
    place: Place,
    files: Arc<Files>,
}

impl Write for WaitingBlob {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.written += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl BlobWriter for WaitingBlob {
    fn commit(self: Box<Self>, digest: &Digest, size: u64) -> Result<(), SinkError> {
        if self.written != size {
            let text = format!("{} bytes were written, {size} were announced", self.written);
            let source = io::Error::new(io::ErrorKind::InvalidInput, text);
            return Err(SinkError::WriteBlob { place: self.place, digest: digest.clone(), source });
        }
        locked(&self.files).insert(digest.clone(), Arc::new(self.file));
        Ok(())
    }
}

/// Reads a file that others read, too.
struct Positioned {
    file: Arc<fs_err::File>,
    position: u64,
}

impl Read for Positioned {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(buffer, self.position)?;
        self.position += count as u64;
        Ok(count)
    }
}
