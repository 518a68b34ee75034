//! What the fuzz targets and the test over their corpus both call. No part of the interface of this crate.
//!
//! Each function takes bytes from anywhere and panics where something is wrong; that bytes are refused is right.

use std::io::{Cursor, Read};

use crate::{
    Descriptor, Digest, Found, ImageConfig, ImageName, Place, Platform, Reference, Source, SourceError, Wanted, resolve,
};

/// A reference that is one is the same when it is written and read again.
pub fn read_reference(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(reference) = text.parse::<Reference>() {
        let again = reference.to_string().parse::<Reference>().expect("what was written can be read");
        assert_eq!(again, reference, "{reference} is another reference when it is read again");
        assert!(!reference.registry().is_empty() && !reference.repository().is_empty(), "{reference}");
    }
    // Names have more forms; they may be refused, and no more.
    let _ = text.parse::<ImageName>();
}

/// A config that is one is the same when it is written and read again.
pub fn read_config(bytes: &[u8]) {
    let Ok(config) = serde_json::from_slice::<ImageConfig>(bytes) else { return };
    let written = serde_json::to_vec(&config).expect("a config can be written");
    let again: ImageConfig = serde_json::from_slice(&written).expect("what was written can be read");
    assert_eq!(serde_json::to_vec(&again).expect("a config can be written"), written);
    let _ = config.platform();
}

/// Resolves a name that points at these bytes, where every document that they name is these bytes as well.
pub fn read_manifest(bytes: &[u8]) {
    let name: ImageName = "registry.example/app:1".parse().expect("it is a name");
    let wanted = Wanted::Preferably(Platform::new("linux", "amd64"));
    if let Ok(image) = resolve(&name, &wanted, &Everywhere(bytes)) {
        assert_eq!(image.layers().len(), image.config().rootfs.diff_ids.len(), "each layer has its diffID");
        assert_eq!(image.manifest().raw, bytes);
    }
}

/// A place that has the same bytes under every name.
struct Everywhere<'a>(&'a [u8]);

impl Source for Everywhere<'_> {
    fn place(&self) -> Place {
        Place::Registry("registry.example".to_owned())
    }

    fn find(&self, _: &ImageName) -> Result<Option<Found>, SourceError> {
        Ok(Some(Found { media_type: String::new(), digest: Digest::of(self.0), bytes: self.0.to_vec() }))
    }

    fn document(&self, _: &Descriptor) -> Result<Vec<u8>, SourceError> {
        Ok(self.0.to_vec())
    }

    fn blob(&self, _: &Descriptor) -> Result<Box<dyn Read + Send>, SourceError> {
        Ok(Box::new(Cursor::new(self.0.to_vec())))
    }
}
