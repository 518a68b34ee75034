//! A layout as a place where images are written to.

use baler_image::{BlobWriter, Descriptor, Digest, ImageName, Place, Sink, SinkError};

use super::Layout;

impl Sink for Layout {
    fn place(&self) -> Place {
        Place::Layout(self.root.clone())
    }

    fn has_blob(&self, digest: &Digest) -> Result<bool, SinkError> {
        todo!("{digest}")
    }

    fn begin_blob(&self) -> Result<Box<dyn BlobWriter>, SinkError> {
        todo!()
    }

    fn put_document(&self, name: &ImageName, descriptor: &Descriptor, bytes: &[u8]) -> Result<(), SinkError> {
        todo!("{name} {descriptor:?} {bytes:?}")
    }
}
