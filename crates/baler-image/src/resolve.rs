//! The one way from a name to an image.
//!
//! An absent image, an index without the wanted platform, and a place that could not answer are different errors;
//! none of them can be taken for an image without layers.

use serde::Deserialize;

use crate::config::ImageConfig;
use crate::digest::Digest;
use crate::image::{Document, Identity, LayerCountMismatch, Parts, Place, ResolvedImage};
use crate::manifest::{Descriptor, Index, Manifest};
use crate::media_type;
use crate::name::ImageName;
use crate::platform::Platform;
use crate::source::{Found, Source, SourceError};
use crate::steps::{Disagreement, DocumentKind, Reason, ResolveStep, Verdict};

/// Indexes inside indexes are followed this far; deeper ones are a mistake or an attack.
const MAXIMUM_DEPTH: usize = 4;

/// Which platform an image must be for.
#[derive(Clone, Debug)]
pub enum Wanted {
    /// This one; an image for another is refused.
    Exactly(Platform),
    /// This one where there is a choice; a single image is taken as it is.
    Preferably(Platform),
}

impl Wanted {
    /// The platform that is asked for.
    pub fn platform(&self) -> &Platform {
        match self {
            Self::Exactly(platform) | Self::Preferably(platform) => platform,
        }
    }
}

/// Why a name did not lead to an image.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    #[error("image '{name}' does not exist in {place}")]
    NotFound { name: ImageName, place: Place },
    #[error("no image for {wanted} in {name}")]
    NoPlatform { name: ImageName, wanted: Platform, has: Vec<Platform>, index_digest: Option<Digest> },
    /// The index has an image for the wanted platform, which says that it is for another one. Who would run it might be
    /// lucky; what is made of it would say the wrong platform in its turn.
    #[error("{name}: no image for {wanted}")]
    Disagreement { name: ImageName, wanted: Platform, source: Box<Disagreement> },
    /// An artefact, or something else that is no image; its type, where it says one.
    #[error("{name}: {digest} is neither an image manifest nor an index{}", type_of(media_type))]
    NotAnImage { name: ImageName, digest: Digest, media_type: String },
    #[error("{name}: {digest} is a manifest of schema 1, from before images had a config")]
    Schema1 { name: ImageName, digest: Digest },
    #[error("{name}: could not read document {digest}")]
    Malformed { name: ImageName, digest: Digest, source: serde_json::Error },
    #[error("{name}: index {digest} nests more than {MAXIMUM_DEPTH} levels")]
    TooDeep { name: ImageName, digest: Digest },
    #[error("{name} is damaged")]
    Inconsistent { name: ImageName, source: LayerCountMismatch },
    #[error("could not read image '{name}'")]
    Source { name: ImageName, source: SourceError },
}

impl ResolveError {
    /// The image that was asked for.
    pub fn name(&self) -> &ImageName {
        match self {
            Self::NotFound { name, .. }
            | Self::NoPlatform { name, .. }
            | Self::Disagreement { name, .. }
            | Self::NotAnImage { name, .. }
            | Self::Schema1 { name, .. }
            | Self::Malformed { name, .. }
            | Self::TooDeep { name, .. }
            | Self::Inconsistent { name, .. }
            | Self::Source { name, .. } => name,
        }
    }

    /// Whether something is wrong with what was found, rather than with the place or the way to it.
    pub fn is_of_image(&self) -> bool {
        match self {
            Self::NoPlatform { .. }
            | Self::Disagreement { .. }
            | Self::NotAnImage { .. }
            | Self::Schema1 { .. }
            | Self::Malformed { .. }
            | Self::TooDeep { .. }
            | Self::Inconsistent { .. } => true,
            Self::NotFound { .. } => false,
            Self::Source { source, .. } => match source {
                SourceError::AbsentBlob { .. } | SourceError::Corrupt { .. } | SourceError::WrongSize { .. } => true,
                SourceError::Read { .. }
                | SourceError::NotALayout { .. }
                | SourceError::Ambiguous { .. }
                | SourceError::WrongName { .. }
                | SourceError::Refused { .. }
                | SourceError::Unreachable { .. }
                | SourceError::RateLimited { .. }
                | SourceError::Truncated { .. }
                | SourceError::Failed { .. } => false,
            },
        }
    }
}

/// Finds the image that `name` stands for in `source`, for the platform that is wanted.
pub fn resolve(name: &ImageName, wanted: &Wanted, source: &dyn Source) -> Result<ResolvedImage, ResolveError> {
    resolve_and_tell(name, wanted, source, &|_| {})
}

/// The same, with each step told.
pub fn resolve_and_tell(
    name: &ImageName,
    wanted: &Wanted,
    source: &dyn Source,
    tell: &dyn Fn(ResolveStep),
) -> Result<ResolvedImage, ResolveError> {
    let resolution = Resolution { name, wanted, source, tell };
    let found = source.find(name).map_err(|error| resolution.failed(error))?;
    let found = found.ok_or_else(|| ResolveError::NotFound { name: name.clone(), place: source.place() })?;
    let kind = resolution.classify(&found)?;
    tell(ResolveStep::Found {
        digest: found.digest.clone(),
        media_type: found.media_type.clone(),
        size: found.bytes.len() as u64,
        kind: kind.of_document(),
    });
    match kind {
        Kind::Manifest(manifest) => resolution.image(found, manifest, None, None),
        Kind::Index(index) => {
            let mut children = Vec::new();
            resolution.collect(&index, &found.digest, 1, &mut children)?;
            resolution.choose(&children, &found.digest)
        }
    }
}

/// ` but …`, or nothing where the type is not known.
fn type_of(media_type: &str) -> String {
    if media_type.is_empty() { String::new() } else { format!(" but {media_type}") }
}

enum Kind {
    Manifest(Manifest),
    Index(Index),
}

impl Kind {
    fn of_document(&self) -> DocumentKind {
        match self {
            Self::Manifest(_) => DocumentKind::Manifest,
            Self::Index(_) => DocumentKind::Index,
        }
    }
}

/// An entry of an index that may be the image, with the platform that the entry or its config names.
struct Child {
    descriptor: Descriptor,
    platform: Option<Platform>,
}

impl Child {
    fn of(descriptor: &Descriptor) -> Self {
        let platform = descriptor.platform.clone().filter(Platform::is_complete);
        Self { descriptor: descriptor.clone(), platform }
    }
}

struct Resolution<'a> {
    name: &'a ImageName,
    wanted: &'a Wanted,
    source: &'a dyn Source,
    tell: &'a dyn Fn(ResolveStep),
}

impl Resolution<'_> {
    fn not_an_image(&self, digest: &Digest, media_type: &str) -> ResolveError {
        let (name, digest) = (self.name.clone(), digest.clone());
        ResolveError::NotAnImage { name, digest, media_type: media_type.to_owned() }
    }

    fn failed(&self, source: SourceError) -> ResolveError {
        ResolveError::Source { name: self.name.clone(), source }
    }

    fn parse<T: for<'de> Deserialize<'de>>(&self, bytes: &[u8], digest: &Digest) -> Result<T, ResolveError> {
        let malformed = |source| ResolveError::Malformed { name: self.name.clone(), digest: digest.clone(), source };
        serde_json::from_slice(bytes).map_err(malformed)
    }

    /// What a document is, by its own word; by its shape where it has none; the place's word decides nothing alone,
    /// since registries and proxies get it wrong.
    fn classify(&self, found: &Found) -> Result<Kind, ResolveError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Probe {
            schema_version: Option<serde_json::Value>,
            media_type: Option<String>,
            artifact_type: Option<String>,
            fs_layers: Option<serde::de::IgnoredAny>,
            manifests: Option<serde::de::IgnoredAny>,
            config: Option<serde::de::IgnoredAny>,
            layers: Option<serde::de::IgnoredAny>,
        }
        let probe: Probe = self.parse(&found.bytes, &found.digest)?;
        let by_shape = (probe.manifests.is_some(), probe.config.is_some() && probe.layers.is_some());
        let is_index = match probe.media_type.as_deref() {
            Some(text) if media_type::is_index(text) => true,
            Some(text) if media_type::is_manifest(text) => false,
            Some(_) | None => by_shape.0,
        };
        match (is_index, by_shape) {
            (true, (true, _)) => Ok(Kind::Index(self.parse(&found.bytes, &found.digest)?)),
            (false, (_, true)) => Ok(Kind::Manifest(self.parse(&found.bytes, &found.digest)?)),
            _ if probe.fs_layers.is_some() && probe.schema_version == Some(1.into()) => {
                Err(ResolveError::Schema1 { name: self.name.clone(), digest: found.digest.clone() })
            }
            _ => {
                let media_type = probe.artifact_type.or(probe.media_type);
                Err(self.not_an_image(&found.digest, media_type.as_deref().unwrap_or(&found.media_type)))
            }
        }
    }

    fn read(&self, descriptor: &Descriptor) -> Result<Found, ResolveError> {
        let bytes = self.source.document(descriptor).map_err(|error| self.failed(error))?;
        Ok(Found { media_type: descriptor.media_type.clone(), digest: descriptor.digest.clone(), bytes })
    }

    fn collect(&self, index: &Index, digest: &Digest, depth: usize, into: &mut Vec<Child>) -> Result<(), ResolveError> {
        if depth > MAXIMUM_DEPTH {
            return Err(ResolveError::TooDeep { name: self.name.clone(), digest: digest.clone() });
        }
        for descriptor in &index.manifests {
            if is_attestation(descriptor) {
                self.tell_entry(digest, descriptor, Verdict::NoImage);
                continue;
            }
            let is_untyped = descriptor.media_type.is_empty();
            if is_untyped || media_type::is_index(&descriptor.media_type) {
                let found = self.read(descriptor)?;
                match self.classify(&found) {
                    Ok(Kind::Index(nested)) => {
                        self.tell_entry(digest, descriptor, Verdict::Index);
                        self.collect(&nested, &found.digest, depth + 1, into)?;
                    }
                    Ok(Kind::Manifest(_)) if is_untyped => into.push(self.candidate(digest, descriptor)),
                    Ok(Kind::Manifest(_)) | Err(ResolveError::NotAnImage { .. } | ResolveError::Schema1 { .. }) => {
                        self.tell_entry(digest, descriptor, Verdict::NoImage);
                    }
                    Err(error) => return Err(error),
                }
            } else if media_type::is_manifest(&descriptor.media_type) {
                into.push(self.candidate(digest, descriptor));
            } else {
                self.tell_entry(digest, descriptor, Verdict::NoImage);
            }
        }
        Ok(())
    }

    fn candidate(&self, index: &Digest, descriptor: &Descriptor) -> Child {
        let child = Child::of(descriptor);
        let verdict = match &child.platform {
            None => Verdict::WithoutPlatform,
            Some(platform) => match self.wanted.platform().rank(platform) {
                Some(rank) => Verdict::Fits { rank },
                None => Verdict::OtherPlatform,
            },
        };
        self.tell_entry(index, descriptor, verdict);
        child
    }

    fn tell_entry(&self, index: &Digest, descriptor: &Descriptor, verdict: Verdict) {
        (self.tell)(ResolveStep::Entry { index: index.clone(), descriptor: descriptor.clone(), verdict });
    }

    fn tell_choice(&self, child: &Child, reason: Reason) {
        (self.tell)(ResolveStep::Chosen { digest: child.descriptor.digest.clone(), reason });
    }

    /// The best of `children`: those that name a platform by rank; if none fits, those that name none by their config. One
    /// that says another platform itself comes last (see [`Self::disagreeing`]).
    fn choose(&self, children: &[Child], index_digest: &Digest) -> Result<ResolvedImage, ResolveError> {
        let wanted = self.wanted.platform();
        let rank = |child: &Child| child.platform.as_ref().and_then(|platform| wanted.rank(platform));
        let mut fitting: Vec<&Child> = children.iter().filter(|child| rank(child).is_some()).collect();
        fitting.sort_by_key(|child| rank(child));
        let (mut left_out, mut disagreeing) = (None, None);
        for best in &fitting {
            match self.child(best, index_digest) {
                Err(error) if self.is_left_out(&error) => {
                    left_out.get_or_insert(error);
                }
                Ok(image) if wanted.rank(image.platform()).is_none() => {
                    disagreeing.get_or_insert((best, image));
                }
                result => {
                    self.tell_choice(best, if rank(best) == Some(0) { Reason::Exact } else { Reason::Closest });
                    return result;
                }
            }
        }
        let is_held = |child: &&Child| fitting.is_empty() || self.read(&child.descriptor).is_ok();
        let mut has: Vec<Platform> =
            children.iter().filter(is_held).filter_map(|child| child.platform.clone()).collect();
        for child in children.iter().filter(|child| child.platform.is_none()) {
            let image = match self.child(child, index_digest) {
                Ok(image) => image,
                // Charts, signatures and the like may stand beside images.
                Err(ResolveError::NotAnImage { .. }) => continue,
                Err(error) if self.is_left_out(&error) => continue,
                Err(error) => return Err(error),
            };
            if wanted.rank(image.platform()).is_some() {
                self.tell_choice(child, Reason::Config);
                return Ok(image);
            }
            has.push(image.platform().clone());
        }
        if let Some((child, image)) = disagreeing {
            return self.disagreeing(child, image, index_digest);
        }
        // An index of which nothing is held is damaged.
        if let Some(error) = left_out.filter(|_| has.is_empty()) {
            return Err(error);
        }
        Err(self.no_platform(has, Some(index_digest.clone())))
    }

    /// An image that says another platform than the entry that lists it. Where one for exactly this platform is wanted, only
    /// the variant may be another: it is left out or wrong more often than it is missed.
    fn disagreeing(&self, child: &Child, image: ResolvedImage, index: &Digest) -> Result<ResolvedImage, ResolveError> {
        let listed = child.platform.clone().unwrap_or_else(|| self.wanted.platform().clone());
        let is_same_processor = listed.is_same_processor(image.platform());
        let (index, digest, stated) = (index.clone(), child.descriptor.digest.clone(), image.platform().clone());
        let source = Disagreement { index, digest, listed, stated };
        match self.wanted {
            Wanted::Exactly(wanted) if !is_same_processor => Err(ResolveError::Disagreement {
                name: self.name.clone(),
                wanted: wanted.clone(),
                source: source.into(),
            }),
            Wanted::Exactly(_) | Wanted::Preferably(_) => {
                (self.tell)(ResolveStep::Disagreement(source));
                self.tell_choice(child, Reason::Listed);
                Ok(image)
            }
        }
    }

    /// Whether an image that an index lists is not held with it: a layout, a store or a daemon may have an index for the
    /// sake of one platform. A registry has all of it or is damaged.
    fn is_left_out(&self, error: &ResolveError) -> bool {
        let is_part = match self.source.place() {
            Place::Store | Place::Layout(_) | Place::Archive { .. } | Place::Daemon { .. } => true,
            Place::Registry(_) => false,
        };
        is_part && matches!(error, ResolveError::Source { source: SourceError::AbsentBlob { .. }, .. })
    }

    fn child(&self, child: &Child, index_digest: &Digest) -> Result<ResolvedImage, ResolveError> {
        let found = self.read(&child.descriptor)?;
        match self.classify(&found)? {
            Kind::Manifest(manifest) => self.image(found, manifest, child.platform.clone(), Some(index_digest.clone())),
            Kind::Index(_) => Err(self.not_an_image(&found.digest, &found.media_type)),
        }
    }

    fn no_platform(&self, mut has: Vec<Platform>, index_digest: Option<Digest>) -> ResolveError {
        has.sort();
        has.dedup();
        let wanted = self.wanted.platform().clone();
        ResolveError::NoPlatform { name: self.name.clone(), wanted, has, index_digest }
    }

    fn image(
        &self,
        found: Found,
        manifest: Manifest,
        listed: Option<Platform>,
        index_digest: Option<Digest>,
    ) -> Result<ResolvedImage, ResolveError> {
        let raw = self.read(&manifest.config)?.bytes;
        let config: Result<ImageConfig, _> = self.parse(&raw, &manifest.config.digest);
        let is_image = |config: &ImageConfig| config.rootfs.diff_ids.len() == manifest.layers.len();
        // Other things than images have manifests too; what is like an image in all else is taken for one.
        if !media_type::is_config(&manifest.config.media_type) && !config.as_ref().is_ok_and(is_image) {
            let artifact_type = manifest.extra.get("artifactType").and_then(|kind| kind.as_str());
            return Err(self.not_an_image(&found.digest, artifact_type.unwrap_or(&manifest.config.media_type)));
        }
        let config = config?;
        (self.tell)(ResolveStep::Config { digest: manifest.config.digest.clone(), platform: config.platform() });
        // The config decides; configs leave out the variant more often than indexes do.
        let stated = match (config.platform(), listed) {
            (Some(platform), Some(listed)) => Some(platform.completed_by(&listed)),
            (platform, listed) => platform.or(listed),
        };
        // Only a single image may leave its platform out, and then it is what was asked for.
        let platform = stated.unwrap_or_else(|| self.wanted.platform().clone());
        if let (Wanted::Exactly(wanted), None) = (self.wanted, &index_digest)
            && wanted.rank(&platform).is_none()
        {
            return Err(self.no_platform(vec![platform], None));
        }
        let identity = if self.source.keeps_manifests() {
            Identity::Manifest(found.digest)
        } else {
            Identity::ImageId(manifest.config.digest.clone())
        };
        let parts = Parts {
            name: self.name.clone(),
            index_digest,
            identity,
            platform: platform.normalised(),
            place: self.source.place(),
            manifest: Document { raw: found.bytes, value: manifest },
            config: Document { raw, value: config },
        };
        ResolvedImage::from_parts(parts)
            .map_err(|source| ResolveError::Inconsistent { name: self.name.clone(), source })
    }
}

/// `BuildKit` lists attestations beside images; they are for the platform `unknown/unknown`.
fn is_attestation(descriptor: &Descriptor) -> bool {
    descriptor.annotations.contains_key("vnd.docker.reference.type")
        || descriptor.platform.as_ref().is_some_and(|platform| platform.os == "unknown")
        || descriptor.extra.contains_key("artifactType")
}
