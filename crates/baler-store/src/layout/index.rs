//! `index.json`: which images a layout has, and under which names.

use std::io;

use baler_image::{Descriptor, Digest, Index, media_type};

use super::{EMPTY_INDEX, INDEX, Layout, LayoutError, MARKER, REFERENCE_NAME};

/// containerd writes the whole reference here, and only the tag as the reference name.
pub(crate) const CONTAINERD_NAME: &str = "io.containerd.image.name";

/// The name of an image in its layout.
pub(crate) fn name_of(entry: &Descriptor) -> Option<&str> {
    entry.annotations.get(REFERENCE_NAME).map(String::as_str)
}

/// All names by which an image is found in its layout; the fullest one comes last.
pub(crate) fn names_of(entry: &Descriptor) -> impl Iterator<Item = &str> {
    let containerd = entry.annotations.get(CONTAINERD_NAME).map(String::as_str);
    name_of(entry).into_iter().chain(containerd)
}

impl Layout {
    /// The images that the index lists.
    pub(crate) fn entries(&self) -> Result<Vec<Descriptor>, LayoutError> {
        Ok(self.parse(&self.read_index()?)?.manifests)
    }

    pub(super) fn read_index(&self) -> Result<Vec<u8>, LayoutError> {
        let root = self.root.clone();
        fs_err::read(self.root.join(INDEX)).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => LayoutError::NotALayout { root, source: error.into() },
            _ => LayoutError::Read { root, source: error },
        })
    }

    pub(super) fn parse(&self, bytes: &[u8]) -> Result<Index, LayoutError> {
        let damaged =
            |error: serde_json::Error| LayoutError::NotALayout { root: self.root.clone(), source: error.into() };
        serde_json::from_slice(bytes).map_err(damaged)
    }

    /// Removes all images but `digest` from the index. Their blobs stay: another reader may be at them.
    pub fn keep_only(&self, digest: &Digest) -> Result<(), LayoutError> {
        let attempt = || {
            let _guard = self.lock()?;
            let mut index = self.read_index().and_then(|bytes| self.parse(&bytes)).map_err(io::Error::other)?;
            index.manifests.retain(|entry| entry.digest == *digest);
            let bytes = serde_json::to_vec(&index).map_err(io::Error::other)?;
            self.replace(&self.root.join(INDEX), &bytes)
        };
        attempt().map_err(|source| LayoutError::Make { root: self.root.clone(), source })
    }

    /// Adds an image to the layout, which is made with it where it is none yet.
    pub(super) fn make_or_add(&self, entry: Descriptor) -> io::Result<()> {
        if !self.root.join(MARKER).exists() {
            let manifests = vec![entry.clone()];
            let index = Index { manifests, ..self.parse(EMPTY_INDEX.as_bytes()).map_err(io::Error::other)? };
            if self.make(&serde_json::to_vec(&index).map_err(io::Error::other)?)? {
                return Ok(());
            }
        }
        self.put_entry(entry)
    }

    /// Adds an image to the index, in the place of the one that had its name (or had none, as it has none).
    pub(super) fn put_entry(&self, entry: Descriptor) -> io::Result<()> {
        let _guard = self.lock()?;
        let mut index = self.read_index().and_then(|bytes| self.parse(&bytes)).map_err(io::Error::other)?;
        let position = index.manifests.iter().position(|other| name_of(other) == name_of(&entry));
        index.manifests.retain(|other| name_of(other) != name_of(&entry));
        index.manifests.insert(position.unwrap_or(index.manifests.len()).min(index.manifests.len()), entry);
        index.media_type.get_or_insert_with(|| media_type::OCI_INDEX.to_owned());
        let bytes = serde_json::to_vec(&index).map_err(io::Error::other)?;
        self.replace(&self.root.join(INDEX), &bytes)
    }
}
