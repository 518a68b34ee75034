//! `.cnb` files: a tar of an OCI layout. Its blobs go into the store as they are read, each verified against its digest.

use std::io::{self, BufRead, Read, Write as _};
use std::path::{Path, PathBuf};

use baler_image::{
    Algorithm, Descriptor, Digest, Found, ImageName, Index, InvalidReference, Place, Platform, ResolveError,
    ResolvedImage, Sink as _, SinkError, Source, SourceError, Wanted, media_type, resolve,
};
use baler_layer::archive::{Content, clean_name};
use baler_layer::tar::{EntryKind, ReadError, TarReader};
use baler_store::Store;
use sha2::{Digest as _, Sha256};

use super::package_image::name_of;

const MAXIMUM_INDEX: u64 = 16 << 20;
const BUFFER: usize = 256 * 1024;

/// Why a `.cnb` file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LayoutArchiveError {
    #[error("could not read {}", path.display())]
    Read { path: PathBuf, source: ReadError },
    #[error("{} ends within the blob {digest}", path.display())]
    Truncated { path: PathBuf, digest: Digest, source: io::Error },
    #[error("could not keep the blob {digest}")]
    Keep { digest: Digest, source: io::Error },
    #[error("{} is damaged: its blob {digest} has the digest {found}", path.display())]
    Damaged { path: PathBuf, digest: Digest, found: Digest },
    #[error("{} has no index.json of at most 16 MiB", path.display())]
    NoIndex { path: PathBuf },
    #[error("{0}")]
    Sink(#[from] SinkError),
    #[error("{} holds no image that could be used", path.display())]
    Resolve { path: PathBuf, source: ResolveError },
    #[error("{0}")]
    Name(#[from] InvalidReference),
}

/// Takes the image for `platform` in the archive `path` into the store.
pub(super) fn import<R: BufRead>(
    store: &Store,
    path: &Path,
    tar: &mut TarReader<R>,
    platform: &Platform,
) -> Result<ResolvedImage, LayoutArchiveError> {
    let read = |source| LayoutArchiveError::Read { path: path.to_owned(), source };
    let mut index = None;
    while let Some(entry) = tar.next_entry().map_err(read)? {
        let name = clean_name(&entry.path).unwrap_or_default();
        if entry.kind != EntryKind::File {
            continue;
        }
        if name == Path::new("index.json") {
            index = read_index(tar);
        } else if let Some(digest) = blob_name(&name) {
            import_blob(store, path, tar, &digest)?;
        }
    }
    let index = index.ok_or_else(|| LayoutArchiveError::NoIndex { path: path.to_owned() })?;
    let name = name_of(&Digest::of(&index))?;
    let wanted = only_platform(&index).unwrap_or_else(|| platform.clone());
    let inside = Inside { store, index };
    let resolved = resolve(&name, &Wanted::Preferably(wanted), &inside);
    let image = resolved.map_err(|source| LayoutArchiveError::Resolve { path: path.to_owned(), source })?;
    let own = name_of(image.digest())?;
    Ok(image.named(own))
}

fn read_index<R: BufRead>(tar: &mut TarReader<R>) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    Content(tar).take(MAXIMUM_INDEX + 1).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 <= MAXIMUM_INDEX).then_some(bytes)
}

/// Where there is nothing to choose from, the one there is is meant, whatever it is for: scripts run everywhere.
fn only_platform(index: &[u8]) -> Option<Platform> {
    let index: Index = serde_json::from_slice(index).ok()?;
    match &index.manifests[..] {
        [only] => only.platform.clone(),
        [] | [_, ..] => None,
    }
}

/// The digest of `blobs/ALGORITHM/HEX`.
fn blob_name(name: &Path) -> Option<Digest> {
    let (algorithm, hex) = name.strip_prefix("blobs").ok()?.to_str()?.split_once('/')?;
    let digest: Digest = format!("{algorithm}:{hex}").parse().ok()?;
    (digest.algorithm() == Algorithm::Sha256).then_some(digest)
}

fn import_blob<R: BufRead>(
    store: &Store,
    path: &Path,
    tar: &mut TarReader<R>,
    digest: &Digest,
) -> Result<(), LayoutArchiveError> {
    let mut writer = store.begin_blob()?;
    let (mut hash, mut size, mut buffer) = (Sha256::new(), 0, vec![0; BUFFER]);
    let mut content = Content(tar);
    loop {
        let truncated =
            |source| LayoutArchiveError::Truncated { path: path.to_owned(), digest: digest.clone(), source };
        let count = content.read(&mut buffer).map_err(truncated)?;
        if count == 0 {
            break;
        }
        hash.update(&buffer[..count]);
        size += count as u64;
        let keep = |source| LayoutArchiveError::Keep { digest: digest.clone(), source };
        writer.write_all(&buffer[..count]).map_err(keep)?;
    }
    let found = Digest::from_sha256(hash.finalize().into());
    if found != *digest {
        return Err(LayoutArchiveError::Damaged { path: path.to_owned(), digest: digest.clone(), found });
    }
    Ok(writer.commit(digest, size)?)
}

/// The archive as a source, now that its blobs are in the store.
struct Inside<'a> {
    store: &'a Store,
    index: Vec<u8>,
}

impl Source for Inside<'_> {
    fn place(&self) -> Place {
        Place::Store
    }

    fn find(&self, _: &ImageName) -> Result<Option<Found>, SourceError> {
        let (media_type, bytes) = (media_type::OCI_INDEX.to_owned(), self.index.clone());
        Ok(Some(Found { media_type, digest: Digest::of(&bytes), bytes }))
    }

    fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>, SourceError> {
        self.store.document(descriptor)
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, SourceError> {
        self.store.blob(descriptor)
    }
}
