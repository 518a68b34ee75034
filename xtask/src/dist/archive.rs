//! A compressed tar of files that belong to root.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use flate2::{Compression, write::GzEncoder};
use fs_err as fs;
use tar::{Builder, EntryType, Header};

use super::CREATED;

/// An archive that is being made.
pub(super) struct Archive(Builder<GzEncoder<Vec<u8>>>);

impl Archive {
    pub(super) fn new() -> Self {
        Self(Builder::new(GzEncoder::new(Vec::new(), Compression::best())))
    }

    pub(super) fn file(&mut self, path: &str, mode: u32, bytes: &[u8]) -> Result<()> {
        let mut header = header(EntryType::Regular, mode);
        header.set_size(bytes.len() as u64);
        Ok(self.0.append_data(&mut header, path, bytes)?)
    }

    /// The directory `from`, in which there are files and links alone, as `path`.
    pub(super) fn directory(&mut self, path: &str, from: &Path) -> Result<()> {
        self.0.append_data(&mut header(EntryType::Directory, 0o755), path, &[][..])?;
        for (name, content) in contents(from)? {
            let path = format!("{path}/{name}");
            match content {
                Content::File { mode, bytes } => self.file(&path, mode, &bytes)?,
                Content::Link(target) => self.0.append_link(&mut header(EntryType::Symlink, 0o777), path, target)?,
            }
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Vec<u8>> {
        Ok(self.0.into_inner()?.finish()?)
    }
}

fn header(kind: EntryType, mode: u32) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(0);
    header.set_mtime(CREATED);
    header
}

/// Something in a directory that is packed.
pub(super) enum Content {
    File { mode: u32, bytes: Vec<u8> },
    Link(String),
}

/// What is in `directory`, by name. Modes are 0755 or 0644.
pub(super) fn contents(directory: &Path) -> Result<Vec<(String, Content)>> {
    let mut contents = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let text = |path: &Path| path.to_str().map(str::to_owned).context("a name in a release is text");
        let name = text(Path::new(path.file_name().context("an entry of a directory has a name")?))?;
        let metadata = fs::symlink_metadata(&path)?;
        let content = if metadata.is_symlink() {
            Content::Link(text(&fs::read_link(&path)?)?)
        } else {
            let mode = if metadata.permissions().mode() & 0o100 == 0 { 0o644 } else { 0o755 };
            Content::File { mode, bytes: fs::read(&path)? }
        };
        contents.push((name, content));
    }
    contents.sort_by(|(left, _), (right, _)| left.cmp(right));
    Ok(contents)
}
