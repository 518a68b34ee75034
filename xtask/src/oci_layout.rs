//! Writes an OCI image layout. The same tar files give the same bytes.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use baler_image::Digest;
use flate2::{Compression, write::GzEncoder};
use fs_err as fs;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const REFERENCE_NAME: &str = "org.opencontainers.image.ref.name";

/// What an image has besides its layers.
pub(crate) struct Image {
    pub(crate) name: String,
    pub(crate) architecture: String,
    /// RFC 3339.
    pub(crate) created: String,
    /// What history says.
    pub(crate) created_by: String,
    pub(crate) user: String,
    pub(crate) working_directory: String,
    pub(crate) env: Vec<String>,
    /// What starts when nothing else is said.
    pub(crate) command: Vec<String>,
    pub(crate) labels: BTreeMap<String, String>,
}

/// A layout that is being written.
pub(crate) struct Layout {
    directory: PathBuf,
    manifests: Vec<Value>,
}

impl Layout {
    /// Starts an empty layout in `directory`, which must not exist.
    pub(crate) fn create(directory: &Path) -> Result<Self> {
        fs::create_dir_all(directory.join("blobs/sha256"))?;
        fs::write(directory.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#)?;
        Ok(Self { directory: directory.to_owned(), manifests: Vec::new() })
    }

    /// Adds `image` with its layers, each of the entries `first` and those of the file `tar`; `annotations` go beside its
    /// name in the index.
    pub(crate) fn add(
        &mut self,
        image: &Image,
        layers: &[(&[u8], &Path)],
        annotations: &BTreeMap<String, String>,
    ) -> Result<Digest> {
        let (mut descriptors, mut diff_ids) = (Vec::new(), Vec::new());
        for (first, tar) in layers {
            let (layer, diff_id) = self.write_layer(first.chain(fs::File::open(*tar)?))?;
            descriptors.push(layer);
            diff_ids.push(diff_id);
        }
        let config = self.write_json(CONFIG, &config(image, &diff_ids))?;
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": descriptors,
        });
        let mut descriptor = self.write_json(MANIFEST, &manifest)?;
        let mut annotations = annotations.clone();
        annotations.insert(REFERENCE_NAME.to_owned(), image.name.clone());
        descriptor["annotations"] = json!(annotations);
        descriptor["platform"] = json!({"architecture": image.architecture, "os": "linux"});
        let digest = serde_json::from_value(descriptor["digest"].clone()).context("a descriptor has a digest")?;
        self.manifests.push(descriptor);
        Ok(digest)
    }

    /// Writes the index, which makes the layout complete.
    pub(crate) fn finish(self) -> Result<()> {
        fs::write(self.directory.join("index.json"), serde_json::to_vec(&index(&self.manifests))?)?;
        Ok(())
    }

    /// Makes all images one with several platforms, called `name`, and with that the layout complete.
    pub(crate) fn finish_as(mut self, name: &str) -> Result<Digest> {
        for manifest in &mut self.manifests {
            manifest.as_object_mut().context("a descriptor is an object")?.remove("annotations");
        }
        let mut descriptor = self.write_json(INDEX, &index(&self.manifests))?;
        descriptor["annotations"] = json!({REFERENCE_NAME: name});
        let digest = serde_json::from_value(descriptor["digest"].clone()).context("a descriptor has a digest")?;
        self.manifests = vec![descriptor];
        self.finish()?;
        Ok(digest)
    }

    fn blob(&self, digest: &Digest) -> PathBuf {
        self.directory.join("blobs").join(digest.algorithm().as_str()).join(digest.hex())
    }

    fn write_json(&self, media_type: &str, value: &Value) -> Result<Value> {
        let bytes = serde_json::to_vec(value)?;
        let digest = Digest::of(&bytes);
        fs::write(self.blob(&digest), &bytes)?;
        Ok(json!({"mediaType": media_type, "digest": digest, "size": bytes.len()}))
    }

    /// Compresses and hashes in one pass; returns the descriptor and the digest of the plain tar.
    fn write_layer(&self, mut tar: impl Read) -> Result<(Value, Digest)> {
        let partial = self.directory.join("blobs/sha256/partial");
        let blob = Hashing { inner: io::BufWriter::new(fs::File::create(&partial)?), hash: Sha256::new(), size: 0 };
        let mut encoder = GzEncoder::new(blob, Compression::new(6));
        let mut plain = Sha256::new();
        let mut buffer = vec![0; 1 << 20];
        loop {
            let length = tar.read(&mut buffer)?;
            if length == 0 {
                break;
            }
            plain.update(&buffer[..length]);
            encoder.write_all(&buffer[..length])?;
        }
        let mut blob = encoder.finish()?;
        blob.flush()?;
        let digest = Digest::from_sha256(blob.hash.finalize().into());
        fs::rename(&partial, self.blob(&digest))?;
        let descriptor = json!({"mediaType": LAYER, "digest": digest, "size": blob.size});
        Ok((descriptor, Digest::from_sha256(plain.finalize().into())))
    }
}

fn index(manifests: &[Value]) -> Value {
    json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests})
}

fn config(image: &Image, diff_ids: &[Digest]) -> Value {
    let history = json!({"created": image.created, "created_by": image.created_by});
    json!({
        "created": image.created,
        "architecture": image.architecture,
        "os": "linux",
        "config": {
            "User": image.user,
            "Env": image.env,
            "Cmd": image.command,
            "WorkingDir": image.working_directory,
            "Labels": image.labels,
        },
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "history": vec![history; diff_ids.len()],
    })
}

/// Hashes and counts what is written through it.
struct Hashing<W> {
    inner: W,
    hash: Sha256,
    size: u64,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.inner.write(bytes)?;
        self.hash.update(&bytes[..length]);
        self.size += length as u64;
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
