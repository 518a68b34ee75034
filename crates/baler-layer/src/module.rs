//! A buildpack or extension as a layer of a builder or buildpackage, by the byte rules of `pack`.
//!
//! Two directories (`/cnb/buildpacks/<escaped id>` and `…/<version>`), then the content in the order of a walk, owned by
//! 0:0. Modes are normalised: directories and `bin/build`, `bin/detect`, `bin/generate` 0755, whatever can be executed
//! 0755, all else 0644; so the umask of whoever checked the module out does not show.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::Metadata;
use std::io::{BufRead, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::archive::{Content, clean_name};
use crate::sink::SinkError;
use crate::tar::{Attributes, Entry, EntryKind, Owner, ReadError, TarError, TarReader, TarWriter};
use crate::walk::{add_from_disk, below, stat, walk};

const EXECUTABLES: [&str; 3] = ["bin/build", "bin/detect", "bin/generate"];

/// A module directory that becomes a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleLayer {
    /// Where it is on disk.
    pub root: PathBuf,
    /// Where it will be: `/cnb/buildpacks/<escaped id>/<version>` or `/cnb/extensions/…`.
    pub path_in_image: PathBuf,
    /// The file that describes it, where that lies elsewhere: it is added under its name.
    pub descriptor: Option<PathBuf>,
}

impl ModuleLayer {
    /// Writes the whole layer as a tar, with its end mark.
    pub fn write(&self, output: &mut dyn Write) -> Result<(), TarError> {
        let mut tar = TarWriter::new(output);
        if let Some(parent) = self.path_in_image.parent() {
            tar.directory(parent, &Attributes::new(0o755, Owner::ROOT))?;
        }
        let mut descriptor = self.descriptor.as_deref();
        walk(&self.root, &mut |relative, metadata| {
            let first = relative.iter().next();
            if let Some(path) = descriptor.take_if(|path| first.is_some_and(|first| Some(first) > path.file_name())) {
                self.add_descriptor(&mut tar, path)?;
            }
            let attributes = Attributes::new(mode(relative, metadata), Owner::ROOT);
            let name = below(&self.path_in_image, relative);
            add_from_disk(&mut tar, &below(&self.root, relative), metadata, &name, &attributes)
        })?;
        if let Some(path) = descriptor {
            self.add_descriptor(&mut tar, path)?;
        }
        tar.finish()?;
        Ok(())
    }

    /// It stands where a walk would have come to it.
    fn add_descriptor<W: Write>(&self, tar: &mut TarWriter<W>, path: &Path) -> Result<(), TarError> {
        let name = self.path_in_image.join(path.file_name().unwrap_or_default());
        add_from_disk(tar, path, &stat(path)?, &name, &Attributes::new(0o644, Owner::ROOT))
    }
}

/// A module in an archive that cannot become a layer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The archive cannot be read.
    #[error("could not read the archive")]
    Read(#[from] ReadError),
    /// A name or the target of a hard link leads out of the archive.
    #[error("the archive has the entry {path:?}, which leads out of it")]
    LeadsOut { path: PathBuf },
    /// An entry that lies behind a symbolic link of the archive.
    #[error("the archive has the entry {path:?} behind a symbolic link")]
    BehindLink { path: PathBuf },
    /// A device or another kind of entry that no module has.
    #[error("the archive has the entry {path:?}, which is neither file, directory nor link")]
    WrongKind { path: PathBuf },
    /// More entries than any module has.
    #[error("the archive has more than {maximum} entries")]
    TooMany { maximum: u64 },
    /// The layer could not be written.
    #[error("could not make a layer of the archive")]
    Write(#[from] TarError),
}

impl From<SinkError> for ArchiveError {
    fn from(error: SinkError) -> Self {
        Self::Write(error.into())
    }
}

const MAXIMUM_ENTRIES: u64 = 5_000_000;

/// Writes the module in the archive `tar` as a layer below `path_in_image`, with its end mark: the entries in the order
/// of the archive, no directories added.
pub fn write_archived<R: BufRead>(
    tar: &mut TarReader<R>,
    path_in_image: &Path,
    output: &mut dyn Write,
) -> Result<(), ArchiveError> {
    let mut writer = TarWriter::new(output);
    let directory = Attributes::new(0o755, Owner::ROOT);
    if let Some(parent) = path_in_image.parent() {
        writer.directory(parent, &directory)?;
    }
    writer.directory(path_in_image, &directory)?;
    let mut links = HashSet::new();
    let mut count = 0;
    while let Some(entry) = tar.next_entry()? {
        count += 1;
        if count > MAXIMUM_ENTRIES {
            return Err(ArchiveError::TooMany { maximum: MAXIMUM_ENTRIES });
        }
        add_archived(&mut writer, tar, &entry, path_in_image, &mut links)?;
    }
    writer.finish()?;
    Ok(())
}

fn add_archived<R: BufRead, W: Write>(
    writer: &mut TarWriter<W>,
    tar: &mut TarReader<R>,
    entry: &Entry,
    path_in_image: &Path,
    links: &mut HashSet<PathBuf>,
) -> Result<(), ArchiveError> {
    let given = || PathBuf::from(OsStr::from_bytes(&entry.path));
    let relative = clean_name(&entry.path).ok_or_else(|| ArchiveError::LeadsOut { path: given() })?;
    if relative.as_os_str().is_empty() {
        return Ok(());
    }
    if relative.ancestors().skip(1).any(|ancestor| links.contains(ancestor)) {
        return Err(ArchiveError::BehindLink { path: given() });
    }
    let name = path_in_image.join(&relative);
    let is_executable = entry.kind == EntryKind::Directory || is_program(&relative) || entry.mode & 0o111 != 0;
    let attributes = Attributes::new(if is_executable { 0o755 } else { 0o644 }, Owner::ROOT);
    match entry.kind {
        EntryKind::Directory => writer.directory(&name, &attributes)?,
        EntryKind::File => writer.file(&name, &attributes, entry.size, Content(tar))?,
        EntryKind::Symlink => {
            writer.symlink(&name, Path::new(OsStr::from_bytes(&entry.link)), &attributes)?;
            links.insert(relative);
        }
        EntryKind::HardLink => {
            let target = clean_name(&entry.link).ok_or_else(|| ArchiveError::LeadsOut { path: given() })?;
            writer.hard_link(&name, &path_in_image.join(target), &attributes)?;
        }
        EntryKind::CharacterDevice | EntryKind::BlockDevice | EntryKind::Fifo | EntryKind::Other(_) => {
            return Err(ArchiveError::WrongKind { path: given() });
        }
    }
    Ok(())
}

/// The programs of a module are executable, whatever was packed.
fn is_program(relative: &Path) -> bool {
    EXECUTABLES.iter().any(|name| relative == Path::new(name))
}

fn mode(relative: &Path, metadata: &Metadata) -> u32 {
    let is_executable = metadata.is_dir() || is_program(relative) || metadata.mode() & 0o111 != 0;
    if is_executable { 0o755 } else { 0o644 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ATTRIBUTES: Attributes = Attributes { mode: 0o600, owner: Owner::new(501, 20), mtime: 1_577_836_800 };

    fn archive(write: impl FnOnce(&mut TarWriter<Vec<u8>>)) -> Vec<u8> {
        let mut writer = TarWriter::new(Vec::new());
        write(&mut writer);
        writer.finish().unwrap()
    }

    fn rewritten(bytes: &[u8]) -> Result<Vec<Entry>, ArchiveError> {
        let mut layer = Vec::new();
        write_archived(&mut TarReader::new(bytes, 1 << 20), Path::new("/cnb/buildpacks/a/1"), &mut layer)?;
        let mut reader = TarReader::new(&layer[..], 1 << 20);
        Ok(std::iter::from_fn(|| reader.next_entry().unwrap()).collect())
    }

    #[test]
    fn entries_keep_their_order_and_lose_owners_and_times() {
        let bytes = archive(|tar| {
            tar.directory(Path::new("./"), &ATTRIBUTES).unwrap();
            tar.file_of_bytes(Path::new("./bin/detect"), &ATTRIBUTES, b"x").unwrap();
            tar.file_of_bytes(Path::new("./a"), &ATTRIBUTES, b"y").unwrap();
            tar.symlink(Path::new("./z"), Path::new("../../up"), &ATTRIBUTES).unwrap();
            tar.hard_link(Path::new("./h"), Path::new("./a"), &ATTRIBUTES).unwrap();
        });
        let entries = rewritten(&bytes).unwrap();
        let said = entries.iter().map(|entry| {
            assert_eq!((entry.uid, entry.mtime.seconds), (0, crate::NORMALISED_TIME));
            format!("{:o} {} {}", entry.mode, entry.path.escape_ascii(), entry.link.escape_ascii())
        });
        let expected = [
            "755 /cnb/buildpacks/a ",
            "755 /cnb/buildpacks/a/1 ",
            "755 /cnb/buildpacks/a/1/bin/detect ",
            "644 /cnb/buildpacks/a/1/a ",
            "644 /cnb/buildpacks/a/1/z ../../up",
            "644 /cnb/buildpacks/a/1/h /cnb/buildpacks/a/1/a",
        ];
        assert_eq!(said.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_leads_out_is_refused() {
        let out = archive(|tar| tar.file_of_bytes(Path::new("../x"), &ATTRIBUTES, b"x").unwrap());
        assert!(matches!(rewritten(&out), Err(ArchiveError::LeadsOut { .. })));
        let link = archive(|tar| tar.hard_link(Path::new("x"), Path::new("../../etc/passwd"), &ATTRIBUTES).unwrap());
        assert!(matches!(rewritten(&link), Err(ArchiveError::LeadsOut { .. })));
        let behind = archive(|tar| {
            tar.symlink(Path::new("d"), Path::new("/etc"), &ATTRIBUTES).unwrap();
            tar.file_of_bytes(Path::new("d/x"), &ATTRIBUTES, b"x").unwrap();
        });
        assert!(matches!(rewritten(&behind), Err(ArchiveError::BehindLink { .. })));
        let device = archive(|tar| tar.special(Path::new("f"), crate::tar::SpecialFile::Fifo, &ATTRIBUTES).unwrap());
        assert!(matches!(rewritten(&device), Err(ArchiveError::WrongKind { .. })));
        assert!(matches!(rewritten(&out[..600]), Err(ArchiveError::LeadsOut { .. } | ArchiveError::Read(_))));
    }
}
