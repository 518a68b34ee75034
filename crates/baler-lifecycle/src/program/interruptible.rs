//! What stops where it is once a signal has come: reading a cache, and writing an image.

use std::io::{self, Read, Write};

use baler_cnb::labels::CacheMetadata;
use baler_image::{
    BlobWriter, Descriptor, Digest, ImageName, Mounted, Place, Repository, ResolvedImage, Sink, SinkError, Source,
};

use crate::cache::{Cache, CacheError, CacheUpdate, CachedBlob, StagedTar, TreeCache};
use crate::interrupt::Interrupt;

fn check(interrupt: &Interrupt) -> io::Result<()> {
    if interrupt.signal().is_some() { Err(io::Error::other("interrupted")) } else { Ok(()) }
}

/// A sink whose blobs end with the signal.
pub(super) struct InterruptibleSink<'a> {
    pub(super) sink: &'a dyn Sink,
    pub(super) interrupt: &'a Interrupt,
}

impl Sink for InterruptibleSink<'_> {
    fn place(&self) -> Place {
        self.sink.place()
    }

    fn keeps_manifests(&self) -> bool {
        self.sink.keeps_manifests()
    }

    fn has_blob(&self, digest: &Digest) -> Result<bool, SinkError> {
        self.sink.has_blob(digest)
    }

    fn repository(&self) -> Option<Repository> {
        self.sink.repository()
    }

    fn mount_blob(&self, digest: &Digest, from: &Repository) -> Result<Mounted, SinkError> {
        self.sink.mount_blob(digest, from)
    }

    fn begin_blob(&self) -> Result<Box<dyn BlobWriter>, SinkError> {
        Ok(Box::new(InterruptibleWriter { writer: self.sink.begin_blob()?, interrupt: self.interrupt.clone() }))
    }

    fn put_document(&self, name: &ImageName, descriptor: &Descriptor, bytes: &[u8]) -> Result<(), SinkError> {
        check(self.interrupt).map_err(|source| SinkError::WriteImage {
            place: self.place(),
            name: name.clone(),
            source,
        })?;
        self.sink.put_document(name, descriptor, bytes)
    }

    fn put_image(&self, name: &ImageName, image: &ResolvedImage) -> Result<(), SinkError> {
        self.sink.put_image(name, image)
    }
}

struct InterruptibleWriter {
    writer: Box<dyn BlobWriter>,
    interrupt: Interrupt,
}

impl Write for InterruptibleWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        check(&self.interrupt)?;
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl BlobWriter for InterruptibleWriter {
    fn commit(self: Box<Self>, digest: &Digest, size: u64) -> Result<(), SinkError> {
        self.writer.commit(digest, size)
    }
}

/// A cache whose layers end with the signal; nothing is committed after it.
pub(super) struct InterruptibleCache {
    pub(super) cache: Box<dyn Cache>,
    pub(super) interrupt: Interrupt,
}

impl Cache for InterruptibleCache {
    fn exists(&self) -> bool {
        self.cache.exists()
    }

    fn metadata(&self) -> &CacheMetadata {
        self.cache.metadata()
    }

    fn read(&self, diff_id: &Digest) -> Result<Box<dyn Read + Send>, CacheError> {
        Ok(Box::new(InterruptibleReader { reader: self.cache.read(diff_id)?, interrupt: self.interrupt.clone() }))
    }

    fn blob(&self, diff_id: &Digest) -> Option<&CachedBlob> {
        self.cache.blob(diff_id)
    }

    fn holds(&self, diff_id: &str) -> bool {
        self.cache.holds(diff_id)
    }

    fn source(&self) -> Option<&dyn Source> {
        self.cache.source()
    }

    fn sink(&self) -> Option<&dyn Sink> {
        self.cache.sink()
    }

    fn begin_tar(&self) -> Result<Option<StagedTar>, CacheError> {
        self.cache.begin_tar()
    }

    fn trees(&self) -> Option<&TreeCache<'_>> {
        self.cache.trees()
    }

    fn commit(&self, update: CacheUpdate) -> Result<(), CacheError> {
        check(&self.interrupt).map_err(|source| CacheError::Tar { source })?;
        self.cache.commit(update)
    }
}

struct InterruptibleReader {
    reader: Box<dyn Read + Send>,
    interrupt: Interrupt,
}

impl Read for InterruptibleReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        check(&self.interrupt)?;
        self.reader.read(buffer)
    }
}
