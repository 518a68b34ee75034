//! A sink that takes nothing more once work is to stop, so that a long export ends at once.

use std::io::{self, Write};

use baler_image::{
    BlobWriter, Descriptor, Digest, ImageName, Mounted, Place, Repository, ResolvedImage, Sink, SinkError,
};

/// Says when to stop; clones say the same.
pub trait Stop: Clone + Send + Sync + 'static {
    /// Fails once work is to stop.
    fn check_stop(&self) -> io::Result<()>;
}

/// A sink whose blobs end when `stop` says so, and which names no image after that.
pub struct InterruptibleSink<'a, S> {
    pub sink: &'a dyn Sink,
    pub stop: S,
}

impl<S: Stop> InterruptibleSink<'_, S> {
    fn watched(&self, writer: Box<dyn BlobWriter>) -> Box<dyn BlobWriter> {
        Box::new(InterruptibleWriter { writer, stop: self.stop.clone() })
    }

    fn check(&self, name: &ImageName) -> Result<(), SinkError> {
        let failed = |source| SinkError::WriteImage { place: self.place(), name: name.clone(), source };
        self.stop.check_stop().map_err(failed)
    }
}

impl<S: Stop> Sink for InterruptibleSink<'_, S> {
    fn place(&self) -> Place {
        self.sink.place()
    }

    fn keeps_manifests(&self) -> bool {
        self.sink.keeps_manifests()
    }

    fn staging(&self) -> Place {
        self.sink.staging()
    }

    fn has_blob(&self, digest: &Digest) -> Result<bool, SinkError> {
        self.sink.has_blob(digest)
    }

    fn repository(&self) -> Option<Repository> {
        self.sink.repository()
    }

    fn mount_blob(&self, digest: &Digest, from: &Repository) -> Result<Mounted, SinkError> {
        Ok(match self.sink.mount_blob(digest, from)? {
            Mounted::Upload(writer) => Mounted::Upload(self.watched(writer)),
            mounted @ (Mounted::Done | Mounted::No) => mounted,
        })
    }

    fn begin_blob(&self) -> Result<Box<dyn BlobWriter>, SinkError> {
        Ok(self.watched(self.sink.begin_blob()?))
    }

    fn begin_new_blob(&self) -> Result<Box<dyn BlobWriter>, SinkError> {
        Ok(self.watched(self.sink.begin_new_blob()?))
    }

    fn sends_new_blobs_early(&self) -> bool {
        self.sink.sends_new_blobs_early()
    }

    fn put_document(&self, name: &ImageName, descriptor: &Descriptor, bytes: &[u8]) -> Result<(), SinkError> {
        self.check(name)?;
        self.sink.put_document(name, descriptor, bytes)
    }

    fn put_image(&self, name: &ImageName, image: &ResolvedImage) -> Result<(), SinkError> {
        self.check(name)?;
        self.sink.put_image(name, image)
    }
}

struct InterruptibleWriter<S> {
    writer: Box<dyn BlobWriter>,
    stop: S,
}

impl<S: Stop> Write for InterruptibleWriter<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stop.check_stop()?;
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl<S: Stop> BlobWriter for InterruptibleWriter<S> {
    fn commit(self: Box<Self>, digest: &Digest, size: u64) -> Result<(), SinkError> {
        self.writer.commit(digest, size)
    }
}
