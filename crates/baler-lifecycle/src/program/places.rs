//! Where a phase finds images and puts them: in registries, in a daemon (`-daemon`), or in OCI layouts (`-layout`).
//!
//! A layout directory holds one layout for each image, `<layout-dir>/<registry>/<repository>/<tag>`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use baler_cnb::features::PlatformFeatures;
use baler_daemon::{DaemonSink, DaemonSource};
use baler_image::{
    DEFAULT_REGISTRY, Digest, Engine, ImageName, InvalidReference, Platform, Reference, ResolveError, ResolvedImage,
    SinkError, Source, Target, Wanted, resolve,
};
use baler_registry::{Client, PushCheck, RegistrySink, RegistrySource};
use baler_store::{Layout, LayoutError};

use super::failure::{Failure, code};
use super::sinks::{OneSink, OnlyImage, Sinks};
use super::{Context, daemon, experimental, registries};
use crate::cache::LaunchCache;

/// Where images are.
pub(super) enum Places {
    Registries(Arc<Client>),
    /// The client is for what is in registries all the same: the cache image, and what is extended.
    Daemon {
        source: Arc<DaemonSource>,
        work: PathBuf,
        client: Arc<Client>,
        launch_cache: Option<Arc<LaunchCache>>,
    },
    Layouts {
        directory: PathBuf,
        client: Arc<Client>,
    },
}

/// An image and where its blobs are.
pub(super) struct Located {
    pub(super) image: ResolvedImage,
    pub(super) source: Arc<dyn Source + Send>,
}

/// Why an image could not be found, or its place not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(super) enum PlaceError {
    #[error("could not parse reference: {text}")]
    Reference { text: String, source: InvalidReference },
    #[error("'{text}' is not of the form PATH@DIGEST, which images in layouts have")]
    NotPinned { text: String },
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    #[error(transparent)]
    Layout(#[from] LayoutError),
    #[error("{name} has the digest {found} now")]
    Moved { name: ImageName, found: Digest },
    #[error("failed to ensure registry read/write access to {name}")]
    NotWritable { name: ImageName, source: SinkError },
    #[error("'{name}' is in a registry, but images are in layouts here")]
    NotALayout { name: ImageName },
    #[error("'{name}' is neither in a registry nor in a layout")]
    Elsewhere { name: ImageName },
}

impl Places {
    /// The places that the flags name.
    pub(super) fn open(context: &Context<'_>) -> Result<Self, Failure> {
        let settings = context.settings;
        let has_layouts = PlatformFeatures::for_api(settings.platform_api).oci_layout;
        if settings.boolean("daemon", "CNB_USE_DAEMON") {
            let launch_cache = settings.launch_cache_directory();
            let launch_cache = launch_cache.map(|directory| Arc::new(LaunchCache::open(&directory)));
            let (client, source) = (registries::client(context)?, daemon::open(context, launch_cache.as_ref())?);
            return Ok(Self::Daemon { source, work: settings.temporary_directory(), client, launch_cache });
        }
        if !has_layouts || !settings.boolean("layout", "CNB_USE_LAYOUT") {
            return registries::client(context).map(Self::Registries);
        }
        experimental::allow(context, "export to OCI layout format")?;
        let directory = settings.text("layout-dir", "CNB_LAYOUT_DIR").map(PathBuf::from);
        let directory = directory.ok_or_else(|| Failure::arguments("-layout needs a directory: -layout-dir"))?;
        let directory = std::path::absolute(&directory).unwrap_or(directory);
        Ok(Self::Layouts { directory, client: registries::client(context)? })
    }

    /// Registries alone.
    pub(super) fn registries(&self) -> Self {
        match self {
            Self::Registries(client) | Self::Daemon { client, .. } | Self::Layouts { client, .. } => {
                Self::Registries(Arc::clone(client))
            }
        }
    }

    /// Keeps copies of the layers of images that go to the daemon.
    pub(super) fn launch_cache(&self) -> Option<&LaunchCache> {
        match self {
            Self::Daemon { launch_cache, .. } => launch_cache.as_deref(),
            Self::Registries(_) | Self::Layouts { .. } => None,
        }
    }

    /// Whether all names of an image have to be in one registry.
    pub(super) fn is_one_registry(&self) -> bool {
        matches!(self, Self::Registries(_))
    }

    /// The image that a user calls `text`.
    pub(super) fn name(&self, text: &str) -> Result<ImageName, PlaceError> {
        let reference = parse(text)?;
        Ok(match self {
            Self::Registries(_) | Self::Daemon { .. } => ImageName::new(text, Target::Reference(reference)),
            Self::Layouts { directory, .. } => {
                let path = layout_path(directory, &reference);
                let tag = path.file_name().map(|name| name.to_string_lossy().into_owned());
                ImageName::new(path.to_string_lossy().into_owned(), Target::Layout { path, name: tag })
            }
        })
    }

    /// Finds an image; `None` where it is absent.
    pub(super) fn find(&self, name: &ImageName) -> Result<Option<Located>, PlaceError> {
        let source = match name.target() {
            Target::Reference(_) | Target::Daemon { .. } => self.source(name)?,
            Target::Layout { path, .. } => match Layout::open(path) {
                Ok(layout) => Arc::new(layout),
                Err(LayoutError::Absent { .. }) => return Ok(None),
                Err(error) => return Err(error.into()),
            },
            Target::Archive { .. } => return Err(PlaceError::Elsewhere { name: name.clone() }),
        };
        // In its layout it is the only image, whatever it is called there.
        let asked = match name.target() {
            Target::Reference(_) | Target::Archive { .. } | Target::Daemon { .. } => name.clone(),
            Target::Layout { path, .. } => {
                ImageName::new(name.given(), Target::Layout { path: path.clone(), name: None })
            }
        };
        match resolve(&asked, &Wanted::Preferably(Platform::host()), source.as_ref()) {
            Ok(image) => Ok(Some(Located { image: image.named(name.clone()), source })),
            Err(ResolveError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Finds an image that an earlier phase has found and called `reference`: with a digest.
    pub(super) fn find_pinned(&self, reference: &str) -> Result<Option<Located>, PlaceError> {
        let not_pinned = || PlaceError::NotPinned { text: reference.to_owned() };
        match self {
            Self::Registries(_) => {
                let target = Target::Reference(parse(reference)?);
                self.find(&ImageName::new(reference, target))
            }
            Self::Daemon { .. } => {
                let image =
                    reference.parse().map_err(|source| PlaceError::Reference { text: reference.to_owned(), source })?;
                self.find(&ImageName::new(reference, Target::Daemon { engine: Engine::Docker, image }))
            }
            Self::Layouts { .. } => {
                let (path, digest) = reference.rsplit_once('@').ok_or_else(not_pinned)?;
                let digest: Digest = digest.parse().map_err(|_| not_pinned())?;
                let name = ImageName::new(path, Target::Layout { path: path.into(), name: None });
                let found = self.find(&name)?;
                match found {
                    Some(Located { image, .. }) if *image.digest() != digest => {
                        Err(PlaceError::Moved { name, found: image.digest().clone() })
                    }
                    found => Ok(found),
                }
            }
        }
    }

    /// The place of an image, to read from.
    pub(super) fn source(&self, name: &ImageName) -> Result<Arc<dyn Source + Send>, PlaceError> {
        match (self, name.target()) {
            (Self::Registries(client), Target::Reference(reference)) => {
                Ok(Arc::new(RegistrySource::new(Arc::clone(client), reference.into())))
            }
            (Self::Daemon { source, .. }, Target::Reference(_) | Target::Daemon { .. }) => {
                Ok(Arc::<DaemonSource>::clone(source))
            }
            (_, Target::Layout { path, .. }) => Ok(Arc::new(Layout::open(path)?)),
            (Self::Layouts { .. }, Target::Reference(_)) => Err(PlaceError::NotALayout { name: name.clone() }),
            (_, Target::Archive { .. } | Target::Daemon { .. }) => Err(PlaceError::Elsewhere { name: name.clone() }),
        }
    }

    /// The place of an image, to write to.
    pub(super) fn sink(&self, name: &ImageName) -> Result<OneSink, PlaceError> {
        match (self, name.target()) {
            (Self::Registries(client), Target::Reference(reference)) => {
                Ok(OneSink::Registry(RegistrySink::new(Arc::clone(client), reference.into())))
            }
            (Self::Daemon { source, work, .. }, Target::Reference(_)) => {
                Ok(OneSink::Daemon(DaemonSink::new(Arc::clone(source), work)))
            }
            (_, Target::Layout { path, .. }) => Ok(OneSink::Layout(OnlyImage(Layout::begin(path)?))),
            (Self::Layouts { .. }, Target::Reference(_)) => Err(PlaceError::NotALayout { name: name.clone() }),
            (_, Target::Archive { .. } | Target::Daemon { .. }) => Err(PlaceError::Elsewhere { name: name.clone() }),
        }
    }

    /// An image that is in a registry whatever the others are in.
    pub(super) fn registry(&self, text: &str) -> Result<(ImageName, RegistrySource, RegistrySink), PlaceError> {
        let (Self::Registries(client) | Self::Daemon { client, .. } | Self::Layouts { client, .. }) = self;
        let reference = parse(text)?;
        let source = RegistrySource::new(Arc::clone(client), (&reference).into());
        let sink = RegistrySink::new(Arc::clone(client), (&reference).into());
        Ok((ImageName::new(text, Target::Reference(reference)), source, sink))
    }

    /// Makes sure that images can be written under `names`, before anything is built. The checks are to be ended.
    pub(super) fn check_writable(&self, names: &[ImageName]) -> Result<Vec<PushCheck>, Failure> {
        let (mut checked, mut checks) = (BTreeSet::new(), Vec::new());
        for name in names.iter().filter(|_| self.is_one_registry()) {
            let Some(reference) = name.reference() else { continue };
            if checked.insert(reference.full_repository())
                && let Ok(OneSink::Registry(sink)) = self.sink(name)
            {
                let refused = |source| PlaceError::NotWritable { name: name.clone(), source };
                let check = sink.begin_check().map_err(refused);
                checks.push(check.map_err(|error| Failure::new(code::ANALYZE, error))?);
            }
        }
        Ok(checks)
    }

    /// The places of an image that gets several names. What `images` have need not be sent again.
    pub(super) fn sinks(&self, names: &[ImageName], images: &[&ResolvedImage]) -> Result<Sinks, PlaceError> {
        let mut sinks = Sinks::default();
        for name in names {
            if !sinks.has(name) {
                let sink = self.sink(name)?;
                let source = match &sink {
                    // There may be none before the image is in it.
                    OneSink::Layout(OnlyImage(draft)) => Arc::new(draft.layout().clone()),
                    OneSink::Registry(_) | OneSink::Daemon(_) => self.source(name)?,
                };
                sinks.add(name, sink, source);
            }
        }
        for image in images {
            sinks.learn(image);
        }
        Ok(sinks)
    }
}

fn parse(text: &str) -> Result<Reference, PlaceError> {
    text.parse().map_err(|source| PlaceError::Reference { text: text.to_owned(), source })
}

fn layout_path(directory: &Path, reference: &Reference) -> PathBuf {
    let registry = match reference.registry() {
        DEFAULT_REGISTRY => "index.docker.io",
        registry => registry,
    };
    let path = directory.join(registry).join(reference.repository());
    match (reference.digest(), reference.tag()) {
        (Some(digest), _) => {
            let text = digest.to_string();
            let (algorithm, hex) = text.split_once(':').unwrap_or(("", &text));
            path.join(algorithm).join(hex)
        }
        (None, tag) => path.join(tag.unwrap_or("latest")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_image_has_a_layout_of_its_own() {
        let client = Arc::new(Client::new(baler_registry::Settings::default()).unwrap());
        let places = Places::Layouts { directory: "/layout".into(), client };
        let digest = Digest::of(b"");
        for (text, path) in [
            ("app", "/layout/index.docker.io/library/app/latest".to_owned()),
            ("registry.example/team/app:1", "/layout/registry.example/team/app/1".to_owned()),
            (
                &format!("registry.example/app@{digest}"),
                format!("/layout/registry.example/app/sha256/{}", digest.hex()),
            ),
        ] {
            let name = places.name(text).unwrap();
            assert_eq!(name.given(), path);
        }
        assert!(matches!(places.name("UPPER/@"), Err(PlaceError::Reference { .. })));
        assert!(matches!(places.find_pinned("/layout/a"), Err(PlaceError::NotPinned { .. })));
        assert!(places.find_pinned(&format!("/nowhere/a@{digest}")).unwrap().is_none());
    }
}
