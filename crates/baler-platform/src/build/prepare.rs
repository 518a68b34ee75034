//! Everything before the first phase: images resolved, layers unpacked, the application copied.

use std::ffi::OsString;
use std::path::PathBuf;

use baler_image::{ImageName, Platform, Wanted};
use baler_layer::ownership::User;
use baler_lifecycle::mounted::BuildUser;
use baler_sandbox::{IdMap, Mount, NativeExecutor, Network};
use baler_store::UnpackedLayers;

use super::builder_image::BuilderImage;
use super::directories::{Directories, build_user};
use super::error::BuildError;
use super::order;
use super::phase::Chamber;
use super::request::BuildRequest;
use super::surroundings::{home_directory, phase_environment};
use super::{PLATFORM_API, workspace};
use crate::certificates;
use crate::context::Context;
use crate::images::cache_key;
use crate::output::Level;
use crate::places::{Asked, Located, Needed, Search, locate};
use crate::unpack::unpack;
use crate::volumes::Volume;

/// What the phases of one build share.
pub(super) struct Prepared {
    pub(super) builder: BuilderImage,
    pub(super) run_image: Located,
    pub(super) previous: Option<Located>,
    pub(super) user: BuildUser,
    pub(super) directories: Directories,
    pub(super) cache_directory: PathBuf,
    id_map: IdMap,
    unpacked: UnpackedLayers,
    mounts: Vec<Mount>,
    environment: Vec<(OsString, OsString)>,
    network: Network,
}

/// Does all of it.
pub(super) fn prepare(context: &Context<'_>, request: &BuildRequest) -> Result<Prepared, BuildError> {
    for warning in request.volumes.iter().filter_map(Volume::warning) {
        context.output.line(Level::Warning, &warning);
    }
    let located = find_builder(context, request)?;
    let invalid = |source| BuildError::InvalidBuilder { name: request.builder.clone(), source };
    let builder = BuilderImage::read(&located.image).map_err(invalid)?;
    let run_image = find_run_image(context, request, &builder, &located)?;
    let previous = find_previous(context, request, run_image.image.platform())?;
    let order = order::choose(&request.buildpacks, &builder)?;

    let id_map = IdMap::choose(&context.caller, builder.user, &context.host_ids);
    let user = build_user(&id_map, builder.user, context.caller.uid);
    let scratch = context.store.scratch_for("build", &id_map).map_err(super::DirectoryError::from)?;
    let roots = context.store.scratch_for("roots", &id_map).map_err(super::DirectoryError::from)?;
    let directories = Directories::make(scratch, roots, &request.workspace)?;

    // Unpacking keeps the processors busy, copying the disk.
    let (unpacked, copied) = std::thread::scope(|scope| {
        let copying =
            scope.spawn(|| workspace::copy(&request.application, &directories.workspace.host, context.store.root()));
        let unpacked = unpack(context, &located, &id_map);
        (unpacked, copying.join())
    });
    let unpacked = unpacked.map_err(|source| BuildError::Unpack { name: request.builder.clone(), source })?;
    let copied = copied.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
    for path in &copied.left_out {
        let text = format!("{} is left out: an image cannot hold a socket, pipe or device", path.display());
        context.output.line(Level::Warning, &text);
    }

    let host_bundle = context.variable("SSL_CERT_FILE").map(PathBuf::from);
    let bundle = certificates::prepare(&request.certificates, &directories.certificates, host_bundle.as_deref())?;
    directories.write_variables(&request.variables)?;
    directories.write_build_config(&unpacked.lower, bundle.as_ref())?;
    let mut mounts = directories.mounts(&context.program_file, &order, bundle.is_some())?;
    // Last: the user may put something over all others.
    mounts.extend(request.volumes.iter().map(Volume::mount));
    let home = home_directory(&unpacked.lower, builder.user.0);
    let api = PLATFORM_API.version().to_string();
    let platform = [("CNB_PLATFORM_API", api.as_str()), ("CNB_EXEC_ENV", request.execution_environment.as_str())];
    let environment = phase_environment(context, located.image.config(), &home, &platform);
    let cache_directory =
        context.store.cache(&cache_key(&request.image)).map_err(|source| BuildError::CacheDirectory { source })?;
    let network = if request.without_network { Network::None } else { Network::Host };
    Ok(Prepared {
        builder,
        run_image,
        previous,
        user,
        directories,
        cache_directory,
        id_map,
        unpacked,
        mounts,
        environment,
        network,
    })
}

impl Prepared {
    /// The builder's file system, ready to run phases in.
    pub(super) fn chamber<'a>(&self, context: &'a Context<'a>) -> Chamber<'a> {
        let (uid, gid) = self.builder.user;
        Chamber {
            context,
            executor: NativeExecutor::new(context.program.clone(), self.id_map.clone()),
            lower: self.unpacked.lower.clone(),
            writable: self.unpacked.writable(&User { uid, gids: vec![gid] }),
            mounts: self.mounts.clone(),
            environment: self.environment.clone(),
            user: self.builder.user,
            workspace: self.directories.workspace.image.clone(),
            network: self.network,
        }
    }
}

fn find_builder(context: &Context<'_>, request: &BuildRequest) -> Result<Located, BuildError> {
    let wanted = match &request.platform {
        Some(platform) => Wanted::Exactly(platform.clone()),
        None => Wanted::Preferably(Platform::host()),
    };
    let failed = |source| BuildError::Builder { name: request.builder.clone(), source };
    let (search, needed) = (Search::By(context.pull_policy), Needed::Layers);
    locate(context, &Asked { role: "builder", name: &request.builder, wanted: &wanted, search, needed }).map_err(failed)
}

/// `--run-image`, else the first of the builder's run images and mirrors that is there.
fn find_run_image(
    context: &Context<'_>,
    request: &BuildRequest,
    builder: &BuilderImage,
    builder_image: &Located,
) -> Result<Located, BuildError> {
    let platform = builder_image.image.platform();
    // Any platform is found first, so that a disagreement can name both.
    let wanted = Wanted::Preferably(platform.clone());
    let names = match &request.run_image {
        Some(name) => vec![name.clone()],
        None => parse_names(&builder.run_images())?,
    };
    let mut first_error = None;
    for name in names {
        let (search, needed) = (Search::By(context.pull_policy), Needed::Documents);
        match locate(context, &Asked { role: "run image", name: &name, wanted: &wanted, search, needed }) {
            Ok(located) if platform.rank(located.image.platform()).is_some() => return Ok(located),
            Ok(located) => {
                return Err(BuildError::PlatformsDiffer {
                    builder: request.builder.clone(),
                    builder_platform: platform.clone(),
                    run_image: name,
                    run_platform: located.image.platform().clone(),
                });
            }
            Err(source) if source.is_absent() => {
                first_error.get_or_insert(BuildError::RunImage { name, source });
            }
            Err(source) => return Err(BuildError::RunImage { name, source }),
        }
    }
    Err(first_error.unwrap_or_else(|| BuildError::NoRunImage { name: request.builder.clone() }))
}

fn parse_names(names: &[&str]) -> Result<Vec<ImageName>, BuildError> {
    let parse =
        |text: &&str| text.parse().map_err(|source| BuildError::RunImageName { text: (*text).to_owned(), source });
    names.iter().map(parse).collect()
}

/// The image that the build replaces; an absent one is none, an unreadable one is an error.
fn find_previous(
    context: &Context<'_>,
    request: &BuildRequest,
    platform: &Platform,
) -> Result<Option<Located>, BuildError> {
    let name = request.previous_image.as_ref().unwrap_or(&request.image);
    let wanted = Wanted::Exactly(platform.clone());
    let (search, needed) = (Search::STORE, Needed::Documents);
    match locate(context, &Asked { role: "previous image", name, wanted: &wanted, search, needed }) {
        Ok(located) => Ok(Some(located)),
        Err(source) if source.is_absent() || source.is_other_platform() => Ok(None),
        Err(source) => Err(BuildError::PreviousImage { name: name.clone(), source }),
    }
}
