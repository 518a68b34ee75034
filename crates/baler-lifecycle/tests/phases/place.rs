//! A place for blobs and images in memory.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use baler_image::{BlobWriter, Descriptor, Digest, Found, ImageName, Place, Sink, SinkError, Source, SourceError};

type Document = (Descriptor, Vec<u8>);

#[derive(Clone, Default)]
pub(crate) struct Memory {
    /// Another place than the store.
    layout: Option<PathBuf>,
    blobs: Arc<Mutex<BTreeMap<Digest, Vec<u8>>>>,
    names: Arc<Mutex<BTreeMap<String, Document>>>,
}

impl Memory {
    pub(crate) fn put(&self, media_type: &str, bytes: &[u8]) -> Descriptor {
        let descriptor = Descriptor::of(media_type, bytes);
        self.blobs.lock().unwrap().insert(descriptor.digest.clone(), bytes.to_vec());
        descriptor
    }

    pub(crate) fn remove(&self, digest: &Digest) {
        self.blobs.lock().unwrap().remove(digest);
    }

    pub(crate) fn digests(&self) -> Vec<Digest> {
        self.blobs.lock().unwrap().keys().cloned().collect()
    }

    /// A place that is not the store.
    pub(crate) fn layout(path: &str) -> Self {
        Self { layout: Some(path.into()), ..Self::default() }
    }

    fn its_place(&self) -> Place {
        self.layout.clone().map_or(Place::Store, Place::Layout)
    }

    fn bytes(&self, digest: &Digest) -> Result<Vec<u8>, SourceError> {
        let absent = || SourceError::AbsentBlob { place: Place::Store, digest: digest.clone() };
        self.blobs.lock().unwrap().get(digest).cloned().ok_or_else(absent)
    }
}

impl Source for Memory {
    fn place(&self) -> Place {
        self.its_place()
    }

    fn find(&self, name: &ImageName) -> Result<Option<Found>, SourceError> {
        let names = self.names.lock().unwrap();
        Ok(names.get(name.given()).map(|(descriptor, bytes)| Found {
            media_type: descriptor.media_type.clone(),
            digest: descriptor.digest.clone(),
            bytes: bytes.clone(),
        }))
    }

    fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>, SourceError> {
        self.bytes(&descriptor.digest)
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, SourceError> {
        Ok(Box::new(io::Cursor::new(self.bytes(&descriptor.digest)?)))
    }
}

impl Sink for Memory {
    fn place(&self) -> Place {
        self.its_place()
    }

    fn has_blob(&self, digest: &Digest) -> Result<bool, SinkError> {
        Ok(self.blobs.lock().unwrap().contains_key(digest))
    }

    fn begin_blob(&self) -> Result<Box<dyn BlobWriter>, SinkError> {
        Ok(Box::new(Blob { memory: self.clone(), bytes: Vec::new() }))
    }

    fn put_document(&self, name: &ImageName, descriptor: &Descriptor, bytes: &[u8]) -> Result<(), SinkError> {
        let manifest: baler_image::Manifest = serde_json::from_slice(bytes).unwrap();
        for needed in manifest.layers.iter().chain([&manifest.config]) {
            assert!(self.has_blob(&needed.digest)?, "{} is missing", needed.digest);
        }
        if name.given().starts_with("refused") {
            return Err(SinkError::WrongName { place: Place::Store, name: name.clone() });
        }
        self.names.lock().unwrap().insert(name.given().to_owned(), (descriptor.clone(), bytes.to_vec()));
        Ok(())
    }
}

struct Blob {
    memory: Memory,
    bytes: Vec<u8>,
}

impl Write for Blob {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl BlobWriter for Blob {
    fn commit(self: Box<Self>, digest: &Digest, size: u64) -> Result<(), SinkError> {
        assert_eq!((Digest::of(&self.bytes), self.bytes.len() as u64), (digest.clone(), size));
        self.memory.put("", &self.bytes);
        Ok(())
    }
}
