//! A layout as a place where images are read from.

use std::io::Read;

use baler_image::{Descriptor, Found, ImageName, Place, Source, SourceError};

use super::Layout;
use crate::blob;

impl Source for Layout {
    fn place(&self) -> Place {
        Place::Layout(self.root.clone())
    }

    fn find(&self, name: &ImageName) -> Result<Option<Found>, SourceError> {
        todo!("{name}")
    }

    fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>, SourceError> {
        blob::document(&self.root, &self.place(), descriptor)
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, SourceError> {
        Ok(Box::new(blob::open(&self.root, &self.place(), descriptor)?))
    }
}
