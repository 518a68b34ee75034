//! Image extensions, and run images for them to switch to.

use baler_image::{Platform, Source as _, Wanted, media_type, resolve};
use baler_store::Layout;
use baler_test_registry::Image;
use serde_json::{Value, json};

use super::{Base, Place};

/// The run image of the tests, with a variable that says which one it is, for a platform.
pub fn run_image(which: &str, platform: &str) -> Image {
    base_image("test-run", which, platform)
}

/// A base image of the tests, with a variable that says which one it is, for a platform.
pub fn base_image(name: &str, which: &str, platform: &str) -> Image {
    let base = Base::get().unwrap();
    let layout = Layout::open(base.path()).unwrap();
    let name = layout.image_name(Some(name));
    let image = resolve(&name, &Wanted::Preferably(Platform::host()), &layout).unwrap();
    let mut config: Value = serde_json::from_slice(image.raw_config()).unwrap();
    config["architecture"] = json!(platform.strip_prefix("linux/").unwrap());
    config["config"]["Env"].as_array_mut().unwrap().push(json!(format!("RUN_IMAGE={which}")));
    let layers = image.layers().iter().map(|layer| {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut layout.blob(&layer.descriptor).unwrap(), &mut bytes).unwrap();
        (layer.descriptor.clone(), bytes)
    });
    Image::of(media_type::OCI_CONFIG, config.to_string().into_bytes(), layers.collect())
}

/// Writes the extension `test/NAME` of version 1 with this `bin/generate`, whose output directory is `$CNB_OUTPUT_DIR`.
pub fn extension(place: &Place, name: &str, generate: &str) {
    let directory = place.path().join(name);
    let descriptor = format!("api = \"0.12\"\n[extension]\nid = \"test/{name}\"\nversion = \"1\"\n");
    super::write(&directory.join("extension.toml"), &descriptor);
    let path = directory.join("bin/generate");
    super::write(&path, &format!("#!/bin/sh\nset -eu\n{generate}\n"));
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
}
