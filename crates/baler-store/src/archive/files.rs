//! Which files a tar has, and where: it is read once, past the content of its files.

use std::collections::BTreeMap;
use std::io::{BufReader, Read, Seek};
use std::path::Path;
use std::sync::Arc;

use baler_layer::tar::{Entry, EntryKind, TarReader};
use serde::de::DeserializeOwned;

use super::ArchiveError;
use super::section::{Extent, Section};
use crate::blob::MAXIMUM_DOCUMENT;

/// More than any archive of images has.
const MAXIMUM_FILES: usize = 1 << 20;
/// Links to links are followed this far.
const MAXIMUM_LINKS: usize = 8;

/// The files of an archive, by their paths without `.`, `..` and `/` at the beginning.
pub(super) struct Files {
    pub(super) file: Arc<fs_err::File>,
    found: BTreeMap<String, Extent>,
    links: BTreeMap<String, String>,
}

impl Files {
    /// Reads the headers of an uncompressed tar.
    pub(super) fn read(file: fs_err::File) -> Result<Self, ArchiveError> {
        let path = file.path().to_owned();
        let unreadable = |source| ArchiveError::Open { path: path.clone(), source };
        let not_a_tar = |source| ArchiveError::NotATar { path: path.clone(), source };
        let length = file.metadata().map_err(unreadable)?.len();
        let mut input = file.try_clone().map_err(unreadable)?;
        input.rewind().map_err(unreadable)?;
        let mut reader = TarReader::new(BufReader::new(input), u64::MAX >> 1);
        let mut files = Self { file: Arc::new(file), found: BTreeMap::new(), links: BTreeMap::new() };
        while let Some(entry) = reader.next_entry().map_err(not_a_tar)? {
            if reader.is_sparse() {
                // Its bytes cannot be read in place.
                return Err(ArchiveError::Sparse { path, name: String::from_utf8_lossy(&entry.path).into_owned() });
            }
            let extent = Extent { offset: reader.offset(), size: entry.size };
            if extent.offset.checked_add(extent.size).is_none_or(|end| end > length) {
                return Err(ArchiveError::Truncated { path });
            }
            files.add(&entry, extent);
            if files.found.len() + files.links.len() > MAXIMUM_FILES {
                return Err(ArchiveError::TooManyFiles { path });
            }
            reader.seek_past().map_err(not_a_tar)?;
        }
        Ok(files)
    }

    /// What comes later takes the place of what came before, as it does where archives are unpacked.
    fn add(&mut self, entry: &Entry, extent: Extent) {
        let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(str::to_owned);
        let Some(path) = text(&entry.path).and_then(|path| plain_path("", &path)) else { return };
        let target = match entry.kind {
            EntryKind::HardLink => text(&entry.link).and_then(|link| plain_path("", &link)),
            EntryKind::Symlink => {
                let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
                text(&entry.link).and_then(|link| plain_path(parent, &link))
            }
            EntryKind::File => {
                self.links.remove(&path);
                self.found.insert(path, extent);
                return;
            }
            EntryKind::Directory
            | EntryKind::CharacterDevice
            | EntryKind::BlockDevice
            | EntryKind::Fifo
            | EntryKind::Other(_) => return,
        };
        if let Some(target) = target {
            self.found.remove(&path);
            self.links.insert(path, target);
        }
    }

    /// Where a file is.
    pub(super) fn find(&self, path: &str) -> Option<Extent> {
        let mut path = plain_path("", path)?;
        for _ in 0..MAXIMUM_LINKS {
            match self.links.get(&path) {
                Some(target) => path.clone_from(target),
                None => return self.found.get(&path).copied(),
            }
        }
        None
    }

    /// Where a file is that must be there.
    pub(super) fn expect(&self, name: &str) -> Result<Extent, ArchiveError> {
        self.find(name).ok_or_else(|| ArchiveError::NoFile { path: self.path().to_owned(), name: name.to_owned() })
    }

    /// All files below a directory, by their paths in it.
    pub(super) fn below(&self, directory: &str) -> impl Iterator<Item = (&str, Extent)> {
        let files = self.found.range(directory.to_owned()..).map(|(path, extent)| (path.as_str(), *extent));
        files.map_while(move |(path, extent)| Some((path.strip_prefix(directory)?, extent)))
    }

    /// The bytes of a document.
    pub(super) fn bytes(&self, name: &str) -> Result<Vec<u8>, ArchiveError> {
        let extent = self.expect(name)?;
        let (path, name) = (self.path().to_owned(), name.to_owned());
        if extent.size > MAXIMUM_DOCUMENT {
            return Err(ArchiveError::TooLarge { path, name, size: extent.size });
        }
        let mut bytes = Vec::new();
        match self.section(extent).read_to_end(&mut bytes) {
            Ok(_) => Ok(bytes),
            Err(source) => Err(ArchiveError::Read { path, name, source }),
        }
    }

    /// A document that was read.
    pub(super) fn parse<T: DeserializeOwned>(&self, name: &str, bytes: &[u8]) -> Result<T, ArchiveError> {
        let malformed =
            |source| ArchiveError::Malformed { path: self.path().to_owned(), name: name.to_owned(), source };
        serde_json::from_slice(bytes).map_err(malformed)
    }

    pub(super) fn section(&self, extent: Extent) -> Section {
        Section::new(&self.file, extent)
    }

    pub(super) fn path(&self) -> &Path {
        self.file.path()
    }
}

/// `path`, seen from `directory`, without `.`, `..` and `/` at the beginning; nothing if it leads out of the archive.
fn plain_path(directory: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in directory.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let plain = |directory: &str, path: &str| plain_path(directory, path);
        assert_eq!(plain("", "./blobs/sha256/ab").as_deref(), Some("blobs/sha256/ab"));
        assert_eq!(plain("", "/manifest.json").as_deref(), Some("manifest.json"));
        assert_eq!(plain("one", "../other/layer.tar").as_deref(), Some("other/layer.tar"));
        assert_eq!(plain("one", "../../etc/passwd"), None);
        assert_eq!(plain("", "./"), None);
    }
}
