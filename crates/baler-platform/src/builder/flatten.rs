//! `--flatten`: several modules in one layer, as pack writes it.

use std::io::{Seek, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use baler_image::Source as _;
use baler_layer::archive::{Content as EntryContent, decompress};
use baler_layer::module::ModuleLayer;
use baler_layer::tar::{Attributes, Entry, EntryKind, Owner, TarError, TarReader, TarWriter};

use crate::context::Context;
use crate::modules::archive::MAXIMUM_SIZE;
use crate::modules::{Content, Module, ModuleKey};

/// Modules that share a layer: `ID@VERSION,ID@VERSION`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flattened {
    pub(super) keys: Vec<ModuleKey>,
}

/// Text that names no modules.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid format {0}; please use '<buildpack-id>@<buildpack-version>' to add buildpacks to be flattened")]
pub struct InvalidFlattened(pub String);

impl FromStr for Flattened {
    type Err = InvalidFlattened;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let key = |name: &str| {
            let (id, version) = name.split_once('@').filter(|(id, version)| !id.is_empty() && !version.is_empty())?;
            Some((id.to_owned(), version.to_owned()))
        };
        let keys: Option<Vec<ModuleKey>> = text.split(',').map(key).collect();
        keys.map(|keys| Self { keys }).ok_or_else(|| InvalidFlattened(text.to_owned()))
    }
}

/// Writes the modules one after another into one tar; a directory of an id is there once.
pub(super) fn write_flattened(
    context: &Context<'_>,
    modules: &[&Module],
    output: &mut dyn Write,
) -> Result<(), TarError> {
    let mut writer = TarWriter::new(output);
    let mut parents: Vec<PathBuf> = Vec::new();
    for module in modules {
        let parent = module.path_in_image().parent().map(Path::to_owned).unwrap_or_default();
        let mut tar = TarReader::new(open(context, module)?, MAXIMUM_SIZE);
        let unreadable = |source| TarError::ReadFile {
            path: PathBuf::from(module.description.info.full_name()),
            source: std::io::Error::other(source),
        };
        while let Some(entry) = tar.next_entry().map_err(unreadable)? {
            if !parents.iter().any(|known| known.as_os_str().as_bytes() == entry.path) {
                copy(&mut writer, &mut tar, &entry)?;
            }
        }
        parents.push(parent);
    }
    writer.finish()?;
    Ok(())
}

fn open(context: &Context<'_>, module: &Module) -> Result<Box<dyn std::io::BufRead + Send>, TarError> {
    let failed = |source| TarError::ReadFile { path: PathBuf::from(module.description.info.full_name()), source };
    match &module.content {
        Content::Layer(layer) => {
            let blob = context.store.blob(&layer.descriptor).map_err(|error| failed(std::io::Error::other(error)))?;
            decompress(blob).map_err(failed)
        }
        Content::Directory(directory) => {
            let mut file = tempfile::tempfile_in(context.store.root().join("tmp")).map_err(failed)?;
            let layer =
                ModuleLayer { root: directory.clone(), path_in_image: module.path_in_image(), descriptor: None };
            layer.write(&mut file)?;
            file.rewind().map_err(failed)?;
            decompress(file).map_err(failed)
        }
    }
}

fn copy<W: Write, R: std::io::BufRead>(
    writer: &mut TarWriter<W>,
    tar: &mut TarReader<R>,
    entry: &Entry,
) -> Result<(), TarError> {
    let path = |bytes: &[u8]| PathBuf::from(std::ffi::OsStr::from_bytes(bytes));
    let id = |id: u64| u32::try_from(id).unwrap_or(0);
    let owner = Owner::new(id(entry.uid), id(entry.gid));
    let attributes = Attributes { mode: entry.mode, owner, mtime: entry.mtime.seconds };
    let name = path(&entry.path);
    match entry.kind {
        EntryKind::Directory => writer.directory(&name, &attributes),
        EntryKind::File => writer.file(&name, &attributes, entry.size, EntryContent(tar)),
        EntryKind::Symlink => writer.symlink(&name, &path(&entry.link), &attributes),
        EntryKind::HardLink => writer.hard_link(&name, &path(&entry.link), &attributes),
        EntryKind::CharacterDevice | EntryKind::BlockDevice | EntryKind::Fifo | EntryKind::Other(_) => Ok(()),
    }
}
