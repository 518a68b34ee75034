//! The image of the lifecycle, in which platforms run the phases that need no builder: a multi-platform OCI layout.
//!
//! It has no base. What a static program needs of one is its first layer: certificate authorities, a user database,
//! `/tmp`. The second is the lifecycle with its descriptor, as `builder create` takes it out of an image.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;
use baler_cnb::labels::{BUILDER_METADATA, LIFECYCLE_APIS, LIFECYCLE_VERSION, LifecycleDescription};
use baler_cnb::version::REFERENCE_LIFECYCLE;
use baler_image::Digest;
use baler_layer::tar::{Attributes, Owner, TarWriter};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fs_err as fs;
use serde_json::json;

use super::Architecture;
use super::archive::{Content, contents};
use crate::oci_layout::{Image, Layout};

const CREATED: &str = "1980-01-01T00:00:01Z";

/// Writes the layout, and returns the digest of the index.
pub(super) fn write(architectures: &[Architecture], directory: &Path) -> Result<Digest> {
    let mut layout = Layout::create(directory)?;
    for architecture in architectures {
        let (base, lifecycle) = (directory.join("base.tar"), directory.join("lifecycle.tar"));
        write_base(&base)?;
        write_lifecycle(architecture, &lifecycle)?;
        layout.add(&image(architecture)?, &[(&[], &base), (&[], &lifecycle)], &BTreeMap::new())?;
        fs::remove_file(&base)?;
        fs::remove_file(&lifecycle)?;
    }
    layout.finish_as(&format!("lifecycle:{REFERENCE_LIFECYCLE}"))
}

fn image(architecture: &Architecture) -> Result<Image> {
    let LifecycleDescription { version, api, apis } = LifecycleDescription::own();
    let labels = BTreeMap::from([
        (LIFECYCLE_APIS.to_owned(), serde_json::to_string(&apis)?),
        // Old platforms look here.
        (BUILDER_METADATA.to_owned(), json!({"lifecycle": {"version": version, "api": api}}).to_string()),
        (LIFECYCLE_VERSION.to_owned(), version),
    ]);
    Ok(Image {
        name: format!("lifecycle:{REFERENCE_LIFECYCLE}"),
        architecture: architecture.name.to_owned(),
        created: CREATED.to_owned(),
        created_by: "cargo xtask dist".to_owned(),
        user: String::new(),
        working_directory: "/layers".to_owned(),
        env: vec!["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned()],
        command: Vec::new(),
        labels,
    })
}

fn root(mode: u32) -> Attributes {
    Attributes::new(mode, Owner::ROOT)
}

fn begin(path: &Path) -> Result<TarWriter<std::io::BufWriter<fs::File>>> {
    Ok(TarWriter::new(std::io::BufWriter::new(fs::File::create(path)?)))
}

fn end(tar: TarWriter<std::io::BufWriter<fs::File>>) -> Result<()> {
    Ok(tar.finish()?.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?)
}

fn write_base(path: &Path) -> Result<()> {
    let mut tar = begin(path)?;
    for (path, mode) in [
        ("/etc", 0o755),
        ("/etc/ssl", 0o755),
        ("/etc/ssl/certs", 0o755),
        ("/layers", 0o755),
        ("/root", 0o700),
        ("/tmp", 0o1777),
    ] {
        tar.directory(Path::new(path), &root(mode))?;
    }
    for (path, bytes) in [
        ("/etc/group", "root:x:0:\n"),
        ("/etc/passwd", "root:x:0:0:root:/root:/sbin/nologin\n"),
        ("/etc/ssl/certs/ca-certificates.crt", &authorities()),
    ] {
        tar.file_of_bytes(Path::new(path), &root(0o644), bytes.as_bytes())?;
    }
    end(tar)
}

fn write_lifecycle(architecture: &Architecture, path: &Path) -> Result<()> {
    let mut tar = begin(path)?;
    tar.directory(Path::new("/cnb"), &root(0o755))?;
    tar.file_of_bytes(Path::new("/cnb/lifecycle.toml"), &root(0o644), super::descriptor()?.as_bytes())?;
    tar.directory(Path::new("/cnb/lifecycle"), &root(0o755))?;
    for (name, content) in contents(&architecture.programs.join("lifecycle"))? {
        let path = Path::new("/cnb/lifecycle").join(name);
        match content {
            Content::File { mode, bytes } => tar.file_of_bytes(&path, &root(mode), &bytes)?,
            Content::Link(target) => tar.symlink(&path, Path::new(&target), &root(0o777))?,
        }
    }
    end(tar)
}

/// Mozilla's authorities as PEM.
fn authorities() -> String {
    let mut text = String::new();
    for certificate in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        for line in STANDARD.encode(certificate).as_bytes().chunks(64) {
            writeln!(text, "{}", String::from_utf8_lossy(line)).expect("writing to a String cannot fail");
        }
        text.push_str("-----END CERTIFICATE-----\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities_are_pem() {
        let text = authorities();
        assert!(text.matches("-----BEGIN CERTIFICATE-----\nMII").count() > 50);
        assert!(text.lines().all(|line| line.len() <= 64));
    }
}
