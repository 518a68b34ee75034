//! What the fuzz targets and the test over their corpus both call. No part of the interface of this crate.
//!
//! Each function takes bytes from anywhere and panics where something is wrong; that bytes are refused is right.

use std::io::Read;
use std::path::Path;

use baler_image::{ArchiveKind, Digest, Place, Platform, Source, Wanted, resolve};

use crate::archive::Archive;

/// Reads all images of an archive, which is written to the empty directory `scratch`.
pub fn read_archive(bytes: &[u8], scratch: &Path) {
    let path = scratch.join("archive.tar");
    fs_err::write(&path, bytes).expect("the scratch directory can be written to");
    let file = fs_err::File::open(&path).expect("the file is there");
    let place = Place::Archive { kind: ArchiveKind::Docker, path };
    for kind in [ArchiveKind::Docker, ArchiveKind::Oci] {
        if let Ok(archive) = Archive::read(file.try_clone().expect("the file is there"), kind, place.clone()) {
            read_images(&archive);
        }
    }
}

fn read_images(archive: &Archive) {
    let wanted = Wanted::Preferably(Platform::new("linux", "amd64"));
    for name in archive.names() {
        let Ok(image) = resolve(&name, &wanted, archive) else { continue };
        for layer in image.layers() {
            let mut content = Vec::new();
            let Ok(mut reader) = archive.blob(&layer.descriptor) else { continue };
            if reader.read_to_end(&mut content).is_ok() {
                assert_eq!(Digest::of(&content), layer.descriptor.digest, "what is read is what the digest says");
            }
        }
    }
}
