//! The lifecycle in a builder: this program's own, a release of the reference's, or one that `[lifecycle] uri` names
//! (platform-behaviour 4.12).

use std::collections::BTreeSet;
use std::io::{self, BufRead, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use baler_cnb::labels::{ApiLists, ApiPair, LifecycleApis, LifecycleDescription};
use baler_image::{ImageName, Platform, Wanted};
use baler_layer::archive::{Content, clean_name, decompress};
use baler_layer::sink::SinkError;
use baler_layer::tar::{Attributes, Entry, EntryKind, Owner, ReadError, TarError, TarReader, TarWriter};
use baler_lifecycle::launcher_binary::NoLauncher;
use baler_lifecycle::release_sboms;
use serde::Deserialize;

use super::config::LifecycleConfig;
use super::draft::Draft;
use super::error::CreateError;
use super::release::{InvalidVersion, ReleaseVersion};
use crate::context::Context;
use crate::modules::{DownloadError, InvalidLocator, Origin, download};
use crate::output::Level;
use crate::places::{Asked, LocateError, Located, Needed, Search, locate};
use crate::version;

const DIRECTORY: &str = "/cnb/lifecycle";
const PHASES: [&str; 8] = ["analyzer", "builder", "creator", "detector", "exporter", "extender", "rebaser", "restorer"];
/// What an archive must have.
const REQUIRED: [&str; 7] = ["detector", "restorer", "analyzer", "builder", "exporter", "launcher", "creator"];
const MAXIMUM_SIZE: u64 = 1 << 34;

/// Why a lifecycle cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LifecycleError {
    #[error("{0}")]
    Version(#[from] InvalidVersion),
    /// `own` is the version that need not be fetched.
    #[error("could not get version {version} of the lifecycle")]
    Release { version: String, own: &'static str, source: DownloadError },
    #[error("there is no release of the lifecycle for {platform}: name an archive with [lifecycle] uri")]
    NoRelease { platform: Platform },
    #[error("{0}")]
    NoLauncher(#[from] NoLauncher),
    #[error(
        "the lifecycle of this program is for {host}, and the builder is for {wanted}: name an archive for it with [lifecycle] uri"
    )]
    Foreign { host: Platform, wanted: Platform },
    #[error("could not read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{0}")]
    Uri(#[from] InvalidLocator),
    #[error("{0}")]
    Download(#[from] DownloadError),
    #[error("could not get lifecycle image '{name}'")]
    Image { name: ImageName, source: LocateError },
    #[error("lifecycle image '{name}' has no layers")]
    NoLayer { name: ImageName },
    #[error("invalid lifecycle: '{uri}' cannot be read")]
    Unreadable { uri: String, source: ReadError },
    #[error("invalid lifecycle: '{uri}' has no lifecycle.toml")]
    NoDescriptor { uri: String },
    #[error("invalid lifecycle: could not parse lifecycle.toml of '{uri}'")]
    Descriptor { uri: String, source: Box<toml::de::Error> },
    #[error("invalid lifecycle: validating binaries: did not find '{name}' in tar")]
    Incomplete { uri: String, name: &'static str },
    #[error("could not make a layer of the lifecycle")]
    Layer(#[from] TarError),
}

impl From<SinkError> for LifecycleError {
    fn from(error: SinkError) -> Self {
        Self::Layer(error.into())
    }
}

/// A lifecycle that was found.
pub(super) struct Lifecycle {
    pub(super) description: LifecycleDescription,
    source: Source,
}

enum Source {
    /// This program under its other name, the launcher, and the phases as links.
    Own { program: Vec<u8>, launcher: &'static [u8] },
    /// An archive as it is published; what its entries lie in is left away.
    Archive { uri: String, archive: Archive },
}

impl Lifecycle {
    /// Finds what a builder.toml asks for.
    pub(super) fn find(
        context: &Context<'_>,
        config: &LifecycleConfig,
        base: &Path,
        platform: &Platform,
    ) -> Result<Self, LifecycleError> {
        if !config.uri.is_empty() {
            return Self::from_uri(context, &config.uri, base, platform);
        }
        if !config.version.is_empty() {
            let version: ReleaseVersion = config.version.parse()?;
            if version.to_string() != version::REFERENCE_LIFECYCLE {
                return Self::from_release(context, &version, platform);
            }
        }
        let architecture = &platform.architecture;
        let launcher =
            (context.launchers)(architecture).ok_or_else(|| NoLauncher { architecture: architecture.clone() })?;
        let host = Platform::host();
        if host.rank(platform).is_none() {
            return Err(LifecycleError::Foreign { host, wanted: platform.clone() });
        }
        let path = &context.program_file;
        let program = fs_err::read(path).map_err(|source| LifecycleError::Read { path: path.clone(), source })?;
        Ok(Self { description: LifecycleDescription::own(), source: Source::Own { program, launcher } })
    }

    fn from_uri(context: &Context<'_>, uri: &str, base: &Path, platform: &Platform) -> Result<Self, LifecycleError> {
        let archive = Archive::find(context, &Origin::parse(uri, base)?, platform)?;
        let description = archive.survey(context, uri)?;
        Ok(Self { description, source: Source::Archive { uri: uri.to_owned(), archive } })
    }

    fn from_release(
        context: &Context<'_>,
        version: &ReleaseVersion,
        platform: &Platform,
    ) -> Result<Self, LifecycleError> {
        let no_release = || LifecycleError::NoRelease { platform: platform.clone() };
        let uri = version.url(platform).ok_or_else(no_release)?;
        context.output.line(Level::Info, &format!("Downloading lifecycle {version} from {uri}"));
        let own = version::REFERENCE_LIFECYCLE;
        let failed = |source| LifecycleError::Release { version: version.to_string(), own, source };
        let archive = Archive::Downloaded(download(context, &uri).map_err(failed)?);
        let description = archive.survey(context, &uri)?;
        Ok(Self { description, source: Source::Archive { uri, archive } })
    }

    /// Adds the layer; `user` is the build user.
    pub(super) fn add(
        &self,
        context: &Context<'_>,
        draft: &mut Draft<'_>,
        user: (u32, u32),
    ) -> Result<(), CreateError> {
        match &self.source {
            Source::Own { program, launcher } => draft.add(|output| {
                let mut tar = TarWriter::new(output);
                let executable = Attributes::new(0o755, Owner::ROOT);
                tar.directory(Path::new(DIRECTORY), &executable)?;
                for_builds_in_place(&mut tar, user)?;
                for (name, bytes) in [("lifecycle", program.as_slice()), ("launcher", launcher)] {
                    tar.file_of_bytes(&Path::new(DIRECTORY).join(name), &executable, bytes)?;
                }
                let link = Attributes::new(0o777, Owner::ROOT);
                for phase in PHASES {
                    tar.symlink(&Path::new(DIRECTORY).join(phase), Path::new("lifecycle"), &link)?;
                }
                let text = Attributes::new(0o644, Owner::ROOT);
                let parts = [("launcher", release_sboms::launcher()), ("lifecycle", release_sboms::lifecycle())];
                for (part, (suffix, bytes)) in
                    parts.into_iter().flat_map(|(part, files)| files.iter().map(move |file| (part, file)))
                {
                    tar.file_of_bytes(&Path::new(DIRECTORY).join(format!("{part}.{suffix}")), &text, bytes)?;
                }
                finish(tar)
            })?,
            Source::Archive { uri, archive } => {
                let mut reader = archive.open(context)?;
                draft.add(|output| -> Result<(), LifecycleError> {
                    let mut tar = TarWriter::new(output);
                    tar.directory(Path::new(DIRECTORY), &Attributes::new(0o755, Owner::ROOT))?;
                    let unreadable = |source| LifecycleError::Unreadable { uri: uri.clone(), source };
                    while let Some(entry) = reader.next_entry().map_err(unreadable)? {
                        if let Some(name) = archive.program(&entry) {
                            copy(&mut tar, &mut reader, &entry, &Path::new(DIRECTORY).join(name))?;
                        }
                    }
                    Ok(finish(tar)?)
                })?
            }
        };
        Ok(())
    }
}

/// What the reference's lifecycle has not: this program under its own name, and directories in which users that the
/// builder does not know can work too. The layer of directories stays as pack makes it.
fn for_builds_in_place<W: io::Write>(tar: &mut TarWriter<W>, (uid, gid): (u32, u32)) -> Result<(), TarError> {
    for path in ["/workspace", "/layers"] {
        tar.directory(Path::new(path), &Attributes::new(0o1777, Owner::new(uid, gid)))?;
    }
    let link = Attributes::new(0o777, Owner::ROOT);
    tar.symlink(Path::new("/cnb/lifecycle/baler"), Path::new("lifecycle"), &link)
}

/// The place where lifecycles were once.
fn finish<W: io::Write>(mut tar: TarWriter<W>) -> Result<(), TarError> {
    tar.symlink(Path::new("/lifecycle"), Path::new(DIRECTORY), &Attributes::new(0o644, Owner::ROOT))?;
    tar.finish().map(|_| ())
}

/// Headers are kept.
fn copy<W: io::Write, R: BufRead>(
    tar: &mut TarWriter<W>,
    reader: &mut TarReader<R>,
    entry: &Entry,
    path: &Path,
) -> Result<(), TarError> {
    let id = |id: u64| u32::try_from(id).unwrap_or(0);
    let owner = Owner::new(id(entry.uid), id(entry.gid));
    let attributes = Attributes { mode: entry.mode, owner, mtime: entry.mtime.seconds };
    let link = Path::new(std::ffi::OsStr::from_bytes(&entry.link));
    match entry.kind {
        EntryKind::Symlink => tar.symlink(path, link, &attributes),
        EntryKind::HardLink => {
            let name = link.file_name().unwrap_or_default();
            tar.hard_link(path, &Path::new(DIRECTORY).join(name), &attributes)
        }
        EntryKind::File => tar.file(path, &attributes, entry.size, Content(reader)),
        EntryKind::Directory
        | EntryKind::CharacterDevice
        | EntryKind::BlockDevice
        | EntryKind::Fifo
        | EntryKind::Other(_) => Ok(()),
    }
}

/// Where the archive is.
enum Archive {
    File(PathBuf),
    Downloaded(baler_store::Scratch),
    /// The last layer of an image, in which everything lies below `/cnb`.
    Layer(Box<Located>),
}

impl Archive {
    fn find(context: &Context<'_>, origin: &Origin, platform: &Platform) -> Result<Self, LifecycleError> {
        match origin {
            Origin::Path(path) => Ok(Self::File(path.clone())),
            Origin::Url(url) => Ok(Self::Downloaded(download(context, url)?)),
            Origin::Image(name) => {
                let wanted = Wanted::Preferably(platform.clone());
                let (search, needed) = (Search::By(context.pull_policy), Needed::Documents);
                let asked = Asked { role: "lifecycle image", name, wanted: &wanted, search, needed };
                let located =
                    locate(context, &asked).map_err(|source| LifecycleError::Image { name: name.clone(), source })?;
                Ok(Self::Layer(Box::new(located)))
            }
        }
    }

    fn open(&self, context: &Context<'_>) -> Result<TarReader<Box<dyn BufRead + Send>>, LifecycleError> {
        let path = match self {
            Self::File(path) => path.clone(),
            Self::Downloaded(scratch) => scratch.path().join(crate::modules::DOWNLOADED),
            Self::Layer(located) => {
                let name = || located.image.name().clone();
                let layer = located.image.layers().last().ok_or_else(|| LifecycleError::NoLayer { name: name() })?;
                let failed = |source| LifecycleError::Read { path: PathBuf::from(name().to_string()), source };
                let blob = baler_image::Source::blob(located.source(context.store), &layer.descriptor)
                    .map_err(|source| failed(io::Error::other(source)))?;
                return Ok(TarReader::new(decompress(blob).map_err(failed)?, MAXIMUM_SIZE));
            }
        };
        let failed = |source| LifecycleError::Read { path: path.clone(), source };
        let file = std::fs::File::open(&path).map_err(failed)?;
        Ok(TarReader::new(decompress(file).map_err(failed)?, MAXIMUM_SIZE))
    }

    /// The name of an entry below what all of it lies in.
    fn name(&self, entry: &Entry) -> Option<PathBuf> {
        let name = clean_name(&entry.path)?;
        match self {
            Self::File(_) | Self::Downloaded(_) => Some(name),
            Self::Layer(_) => name.strip_prefix("cnb").ok().map(Path::to_owned),
        }
    }

    /// The file name of an entry that belongs into the lifecycle's directory: those directly in one directory.
    fn program(&self, entry: &Entry) -> Option<PathBuf> {
        let name = self.name(entry)?;
        let is_direct = name.components().count() == 2 && entry.kind != EntryKind::Directory;
        is_direct.then(|| name.file_name().map(PathBuf::from)).flatten()
    }

    /// What the archive says of itself, once it is known to be complete.
    fn survey(&self, context: &Context<'_>, uri: &str) -> Result<LifecycleDescription, LifecycleError> {
        let mut reader = self.open(context)?;
        let unreadable = |source| LifecycleError::Unreadable { uri: uri.to_owned(), source };
        let (mut text, mut programs) = (None, BTreeSet::new());
        while let Some(entry) = reader.next_entry().map_err(unreadable)? {
            if self.name(&entry).as_deref() == Some(Path::new("lifecycle.toml")) {
                let mut found = String::new();
                let read = Content(&mut reader).take(1 << 20).read_to_string(&mut found);
                text = read.ok().map(|_| found);
            } else {
                programs.extend(self.program(&entry));
            }
        }
        let text = text.ok_or_else(|| LifecycleError::NoDescriptor { uri: uri.to_owned() })?;
        let malformed = |source| LifecycleError::Descriptor { uri: uri.to_owned(), source: Box::new(source) };
        let descriptor: Descriptor = toml::from_str(&text).map_err(malformed)?;
        if let Some(name) = REQUIRED.into_iter().find(|name| !programs.contains(Path::new(name))) {
            return Err(LifecycleError::Incomplete { uri: uri.to_owned(), name });
        }
        Ok(descriptor.describe())
    }
}

/// lifecycle.toml of a release.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Descriptor {
    api: Pair,
    apis: Apis,
    lifecycle: Info,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Pair {
    buildpack: String,
    platform: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Apis {
    buildpack: Lists,
    platform: Lists,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Lists {
    deprecated: Vec<String>,
    supported: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Info {
    version: String,
}

impl Descriptor {
    /// Each of the two forms fills in the other; where both are there, the lists count.
    fn describe(self) -> LifecycleDescription {
        let lists = |lists: Lists, old: &str| {
            let supported =
                if lists.supported.is_empty() && !old.is_empty() { vec![old.to_owned()] } else { lists.supported };
            ApiLists { deprecated: lists.deprecated, supported }
        };
        let apis = LifecycleApis {
            buildpack: lists(self.apis.buildpack, &self.api.buildpack),
            platform: lists(self.apis.platform, &self.api.platform),
        };
        let api = ApiPair { buildpack: earliest(&apis.buildpack), platform: earliest(&apis.platform) };
        LifecycleDescription { version: self.lifecycle.version, api, apis }
    }
}

fn earliest(lists: &ApiLists) -> String {
    lists.supported.iter().min_by_key(|text| order_of(text)).cloned().unwrap_or_default()
}

/// `0.9` comes before `0.10`.
pub(super) fn order_of(api: &str) -> (u32, u32) {
    let (major, minor) = api.split_once('.').unwrap_or((api, "0"));
    (major.parse().unwrap_or(0), minor.parse().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_descriptor() {
        let new: Descriptor = toml::from_str(
            "[api]\nbuildpack = \"0.12\"\nplatform = \"0.15\"\n[apis.buildpack]\nsupported = [\"0.10\", \"0.9\"]\n[lifecycle]\nversion = \"1\"\n",
        )
        .unwrap();
        let new = new.describe();
        assert_eq!((new.api.buildpack.as_str(), new.api.platform.as_str()), ("0.9", "0.15"));
        assert_eq!(new.apis.platform.supported, ["0.15"]);
        assert_eq!(LifecycleDescription::own().api.platform, "0.7");
    }
}
