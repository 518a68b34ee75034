//! Files that hold a module, from anywhere.

use std::io::{self, Write};
use std::path::Path;

use baler_image::Platform;
use baler_layer::module::write_archived;
use baler_layer::tar::TarReader;
use baler_sandbox::SandboxProgram;
use baler_store::Store;

use super::{ModuleKind, archive, layout_archive, path_in_image};

/// What a small file may become, so that memory stays bounded.
const MAXIMUM: usize = 16 << 20;

/// Makes a layer of the module in an archive, which is written to the empty directory `scratch`.
///
/// # Panics
///
/// Where something is wrong.
pub fn read_module_archive(bytes: &[u8], scratch: &Path) {
    let path = scratch.join("module");
    fs_err::write(&path, bytes).expect("the scratch directory can be written to");
    for kind in [ModuleKind::Buildpack, ModuleKind::Extension] {
        let Ok(archive::Holds::Module(description)) = archive::survey(kind, &path) else { continue };
        let Ok(mut tar) = archive::open(&path) else { continue };
        let place = path_in_image(kind, &description);
        let mut layer = Bounded(Vec::new());
        if write_archived(&mut tar, &place, &mut layer).is_err() {
            continue;
        }
        let mut written = TarReader::new(layer.0.as_slice(), u64::MAX);
        while let Some(entry) = written.next_entry().expect("what was written can be read") {
            use std::os::unix::ffi::OsStrExt as _;
            let name = Path::new("/").join(std::ffi::OsStr::from_bytes(&entry.path));
            let is_inside = name.starts_with(&place) || place.starts_with(&name);
            assert!(is_inside && !name.ends_with(".."), "{} lies outside {}", name.display(), place.display());
        }
    }
}

/// Takes a `.cnb` file into a store in the empty directory `scratch`.
///
/// # Panics
///
/// Where something is wrong.
pub fn read_package(bytes: &[u8], scratch: &Path) {
    let program = SandboxProgram::at("/nonexistent");
    let store = Store::open(&scratch.join("store"), program).expect("the scratch directory can be written to");
    let mut tar = TarReader::new(bytes, MAXIMUM as u64);
    let platform = Platform::new("linux", "amd64");
    if let Ok(image) = layout_archive::import(&store, Path::new("package.cnb"), &mut tar, &platform) {
        assert_eq!(image.layers().len(), image.config().rootfs.diff_ids.len(), "an image is whole");
    }
}

struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAXIMUM {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
