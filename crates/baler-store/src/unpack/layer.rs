//! One layer: looked for, waited for, or unpacked.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use baler_image::{Digest, Layer, Source, SourceError, read_again};
use baler_layer::apply::{ApplyError, ApplyOptions, Owners, apply};
use baler_layer::ownership::OwnershipIndex;
use baler_sandbox::{IdMap, IdMapMode, OperationCall, OperationError, run_with_ids};

use super::boot;
use super::operation::{Failure, OWNERS, TREE, UNPACK_OPERATION, readable_for_all};
use super::{UnpackError, UnpackEvent};
use crate::blob;
use crate::disk::{DiskFull, explain, is_disk_full};
use crate::ids;
use crate::lock::Lock;
use crate::scratch::Scratch;
use crate::session::Pin;
use crate::store::Store;

/// What all layers of one call have in common.
pub(super) struct Unpacking<'a> {
    store: &'a Store,
    source: &'a dyn Source,
    id_map: &'a IdMap,
    key: String,
    boot: String,
    progress: &'a (dyn Fn(UnpackEvent<'_>) + Sync),
}

/// A layer's blob: a file of the store, or what comes from elsewhere.
enum Content<'a> {
    File(File),
    Reader(&'a mut (dyn Read + Send)),
}

impl<'a> Unpacking<'a> {
    pub(super) fn new(
        store: &'a Store,
        source: &'a dyn Source,
        id_map: &'a IdMap,
        progress: &'a (dyn Fn(UnpackEvent<'_>) + Sync),
    ) -> Self {
        Self { store, source, id_map, key: ids::key(id_map), boot: boot::current(), progress }
    }

    /// Gives the directory of the layer, and what it says of owners.
    pub(super) fn unpack(&self, layer: &Layer) -> Result<(PathBuf, OwnershipIndex), UnpackError> {
        let directory = self.store.layers_directory().join(&self.key).join(layer.diff_id.hex());
        let keep = |source| {
            let (digest, path) = (layer.diff_id.clone(), directory.clone());
            UnpackError::Keep { digest, source: explain(source, &directory), path }
        };
        let found = |owners| (directory.join(TREE), owners);
        self.prepare(layer).map_err(keep)?;
        if let Some(owners) = self.look_up(&directory).map_err(keep)? {
            (self.progress)(UnpackEvent::Present(layer));
            return Ok(found(owners));
        }
        (self.progress)(UnpackEvent::Started(layer));
        let _lock = Lock::exclusive(&directory.with_extension("lock")).map_err(keep)?;
        let owners = if let Some(owners) = self.look_up(&directory).map_err(keep)? {
            owners
        } else {
            self.remove_unsound(layer, &directory)?;
            let scratch = self.make(layer)?;
            boot::mark(scratch.path(), &self.boot).map_err(keep)?;
            scratch.keep(&directory).map_err(keep)?;
            let missing = || keep(io::ErrorKind::NotFound.into());
            self.look_up(&directory).map_err(keep)?.ok_or_else(missing)?
        };
        (self.progress)(UnpackEvent::Finished(layer));
        Ok(found(owners))
    }

    /// What an unpacked layer says about owners; `None` where the layer is not unpacked, or not sound.
    fn look_up(&self, directory: &Path) -> io::Result<Option<OwnershipIndex>> {
        match read_owners(directory)? {
            Some(owners) => {
                let is_sound = boot::is_sound(directory, &self.boot, &self.store.session()?.clock())?;
                Ok(is_sound.then_some(owners))
            }
            None => Ok(None),
        }
    }

    /// Moves away what a power failure has left, and removes it.
    fn remove_unsound(&self, layer: &Layer, directory: &Path) -> Result<(), UnpackError> {
        if !directory.exists() {
            return Ok(());
        }
        let aside = self.scratch(layer, "unsound")?;
        let moved = fs_err::rename(directory, aside.path().join("layer"));
        let (digest, path) = (layer.diff_id.clone(), directory.to_owned());
        moved.map_err(|source| UnpackError::Keep { digest, path, source })
    }

    fn scratch(&self, layer: &Layer, purpose: &str) -> Result<Scratch, UnpackError> {
        let scratch = match self.id_map.mode() {
            IdMapMode::Single => self.store.scratch(purpose),
            IdMapMode::SubIds | IdMapMode::Root => self.store.scratch_for(purpose, self.id_map),
        };
        scratch.map_err(|source| UnpackError::Scratch { digest: layer.diff_id.clone(), source })
    }

    /// Pins the layer, and has the directory for this id map there.
    fn prepare(&self, layer: &Layer) -> io::Result<()> {
        let directory = self.store.layers_directory().join(&self.key);
        if !directory.is_dir() {
            fs_err::create_dir_all(&directory)?;
        }
        let pin = Pin::Layer { key: self.key.clone(), hex: layer.diff_id.hex().to_owned() };
        let recorded = ids::beside(&directory);
        let session = self.store.session()?;
        session.pinned(pin, || match ids::read(&recorded) {
            Ok(Some(_)) => Ok(()),
            // One that cannot be read is of no use to anybody.
            Ok(None) | Err(_) => ids::publish(&recorded, self.id_map, &session.fresh("ids")),
        })
    }

    fn make(&self, layer: &Layer) -> Result<Scratch, UnpackError> {
        let Some(file) = self.own_blob(layer) else { return self.make_from_source(layer) };
        self.make_of(layer, Content::File(file)).map_err(|error| self.damage(layer).unwrap_or(error))
    }

    /// Unpacks the source's blob, and unpacks it anew where a registry damaged it on its way.
    fn make_from_source(&self, layer: &Layer) -> Result<Scratch, UnpackError> {
        let failed = |source| UnpackError::Read { digest: layer.diff_id.clone(), source };
        let open = || self.source.blob(&layer.descriptor).map_err(failed);
        read_again(open, |reader| self.make_of(layer, Content::Reader(reader)), failed)?
    }

    fn make_of(&self, layer: &Layer, content: Content<'_>) -> Result<Scratch, UnpackError> {
        let scratch = self.scratch(layer, "unpack")?;
        match self.id_map.mode() {
            IdMapMode::Single => Self::make_as_caller(layer, &scratch, content)?,
            IdMapMode::SubIds | IdMapMode::Root => self.make_with_ids(layer, &scratch, content)?,
        }
        Ok(scratch)
    }

    /// Whether a layer could not be unpacked because its blob in the store is damaged.
    fn damage(&self, layer: &Layer) -> Option<UnpackError> {
        self.own_blob(layer)?;
        let mut reader = self.store.blob(&layer.descriptor).ok()?;
        let error = io::copy(&mut reader, &mut io::sink()).err()?;
        let source = error.downcast::<SourceError>().ok()?;
        Some(UnpackError::Read { digest: layer.diff_id.clone(), source })
    }

    fn make_as_caller(layer: &Layer, scratch: &Scratch, content: Content<'_>) -> Result<(), UnpackError> {
        let digest = || layer.diff_id.clone();
        let tree = scratch.subdirectory(TREE);
        let tree = tree.map_err(|source| UnpackError::Scratch { digest: digest(), source })?;
        let keep = |error, path: PathBuf| UnpackError::Keep { digest: digest(), source: explain(error, &path), path };
        readable_for_all(&tree).map_err(|error| keep(error, tree.clone()))?;
        let options =
            ApplyOptions { expected_diff_id: Some(layer.diff_id.clone()), ..ApplyOptions::new(Owners::Record) };
        let applied = match content {
            Content::File(file) => apply(file, &tree, &options),
            Content::Reader(reader) => apply(reader, &tree, &options),
        };
        let applied = applied.map_err(|error| apply_failed(digest(), error, &tree))?;
        let path = scratch.path().join(OWNERS);
        write_owners(&path, &applied.writable).map_err(|error| keep(error, path))
    }

    fn make_with_ids(&self, layer: &Layer, scratch: &Scratch, content: Content<'_>) -> Result<(), UnpackError> {
        let digest = || layer.diff_id.clone();
        let keep = |source| UnpackError::Keep { digest: digest(), path: scratch.path().to_owned(), source };
        self.give_to_root(scratch.path()).map_err(keep)?;
        let file = match content {
            Content::File(file) => file,
            Content::Reader(reader) => self.spool(layer, reader)?,
        };
        let call = OperationCall {
            name: UNPACK_OPERATION.name.to_owned(),
            directory: scratch.path().to_owned(),
            arguments: vec![layer.diff_id.to_string().into()],
            input: Some(file),
        };
        run_with_ids(self.store.program(), self.id_map, call)
            .map_err(|source| operation_failed(digest(), source, scratch.path()))
    }

    /// Root of the namespace is nobody to the directories of the host's root, so the one that it works in becomes its own.
    fn give_to_root(&self, directory: &Path) -> io::Result<()> {
        match self.id_map.mode() {
            IdMapMode::Root => std::os::unix::fs::chown(directory, self.id_map.host_uid(0), self.id_map.host_gid(0)),
            IdMapMode::Single | IdMapMode::SubIds => Ok(()),
        }
    }

    /// The layer's blob in the store, where it is there. Its bytes are not verified one by one: the tar in it is.
    fn own_blob(&self, layer: &Layer) -> Option<File> {
        let file = File::open(blob::path(self.store.root(), &layer.descriptor.digest)).ok()?;
        file.metadata().is_ok_and(|metadata| metadata.len() == layer.descriptor.size).then_some(file)
    }

    /// The layer's blob out of the source, in a file without a name.
    fn spool(&self, layer: &Layer, mut reader: &mut (dyn Read + Send)) -> Result<File, UnpackError> {
        let digest = || layer.diff_id.clone();
        let tmp = self.store.tmp();
        let mut copy = || {
            let mut file = tempfile::tempfile_in(&tmp)?;
            io::copy(&mut reader, &mut file)?;
            io::Seek::rewind(&mut file)?;
            Ok(file)
        };
        copy().map_err(|error: io::Error| match error.downcast::<SourceError>() {
            Ok(source) => UnpackError::Read { digest: digest(), source },
            Err(error) => UnpackError::Keep { digest: digest(), source: explain(error, &tmp), path: tmp.clone() },
        })
    }
}

/// A full disk is told as such.
fn apply_failed(digest: Digest, source: ApplyError, tree: &Path) -> UnpackError {
    if is_disk_full(&source) {
        return UnpackError::DiskFull { digest, source: DiskFull::at(tree) };
    }
    UnpackError::Apply { digest, source }
}

/// The same of what another process says.
fn operation_failed(digest: Digest, source: OperationError, directory: &Path) -> UnpackError {
    let OperationError::Failed { name, message } = source else { return UnpackError::Operation { digest, source } };
    match serde_json::from_str(&message) {
        Ok(Failure { is_disk_full: true, .. }) => UnpackError::DiskFull { digest, source: DiskFull::at(directory) },
        Ok(Failure { text, .. }) => {
            UnpackError::Operation { digest, source: OperationError::Failed { name, message: text } }
        }
        Err(_) => UnpackError::Operation { digest, source: OperationError::Failed { name, message } },
    }
}

/// Writes what a layer says about owners.
pub(super) fn write_owners(path: &Path, owners: &OwnershipIndex) -> io::Result<()> {
    let bytes = serde_json::to_vec(owners).map_err(io::Error::other)?;
    fs_err::write(path, bytes)
}

/// Reads what an unpacked layer says about owners; `None` where the layer is not unpacked.
fn read_owners(directory: &Path) -> io::Result<Option<OwnershipIndex>> {
    match fs_err::read(directory.join(OWNERS)) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(io::Error::other),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
