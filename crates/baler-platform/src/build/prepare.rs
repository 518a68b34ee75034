//! Everything before the first phase: images resolved, layers unpacked, the application copied.

use std::ffi::OsString;
use std::path::Path;

use baler_image::{ImageName, Platform, Wanted};
use baler_lifecycle::mounted::BuildUser;
use baler_sandbox::{Network, Root};

use super::builder_image::BuilderImage;
use super::cache::CachePlace;
use super::directories::{Additions, Directories, OrderedModules};
use super::error::BuildError;
use super::ground::{Floor, Ground};
use super::order;
use super::phase::Chamber;
use super::request::BuildRequest;
use super::surroundings::{home_directory, phase_environment};
use super::workspace::Workspace;
use super::{PLATFORM_API, run_image};
use crate::certificates::{self, CertificateSource};
use crate::context::Context;
use crate::destination::Destination;
use crate::modules;
use crate::output::Level;
use crate::places::{Asked, Located, Needed, Search, locate_if_any};
use crate::volumes::Volume;

/// What the phases of one build share.
pub(super) struct Prepared<'a> {
    pub(super) builder: BuilderImage,
    /// What the build is for: the builder's platform.
    pub(super) platform: Platform,
    pub(super) run_image: Located,
    pub(super) previous: Option<Located>,
    pub(super) user: BuildUser,
    pub(super) workspace: Workspace,
    pub(super) directories: Directories,
    pub(super) destination: Destination<'a>,
    pub(super) cache: CachePlace,
    executor: Box<dyn baler_sandbox::Executor>,
    root: Root,
    additions: Additions,
    environment: Vec<(OsString, OsString)>,
    network: Network,
}

/// Does all of it.
pub(super) fn prepare<'a>(context: &'a Context<'a>, request: &BuildRequest) -> Result<Prepared<'a>, BuildError> {
    for warning in request.volumes.iter().filter_map(Volume::warning) {
        context.output.line(Level::Warning, &warning);
    }
    // Whether the image may go where it is to go, before anything is fetched for it.
    check_previous(request)?;
    let destination = Destination::open(context, &request.names(), request.delivery)?;
    let cache = CachePlace::choose(context, request)?;
    let ground = Ground::find(context, request)?;
    let mut builder = ground.builder(context, request)?;
    builder.user = (request.user.uid.unwrap_or(builder.user.0), request.user.gid.unwrap_or(builder.user.1));
    let platform = ground.platform();
    let run_image = run_image::find(context, request, &builder, &platform)?;
    let previous = find_previous(context, request, run_image.image.platform())?;
    let order = order::choose(context, &request.buildpacks, &builder, &platform)?;
    let floor = ground.lay(context, request, cache.in_store(), builder.user)?;
    let Floor { directories, workspace, user, executor, mut root } = floor;

    let bundle = match (&request.certificates, &ground) {
        // This is the image already.
        (CertificateSource::Host, Ground::InPlace) if context.variable("SSL_CERT_FILE").is_none() => None,
        _ => {
            let host_bundle = context.variable("SSL_CERT_FILE").map(Path::new);
            let inside = directories.certificates_inside();
            certificates::prepare(&request.certificates, &directories.certificates, inside, host_bundle)?
        }
    };
    directories.write_variables(&request.variables)?;
    let lower = ground.lower(&root);
    directories.write_build_config(&lower, bundle.as_ref())?;
    let placed = modules::place(context, order.modules(), &ground.id_map(context, builder.user))?;
    let order = OrderedModules { order: &order, placed: &placed };
    let additions = directories.additions(&context.program_file, &order, bundle.is_some())?;
    root.mounts.clone_from(&additions.mounts);
    // Last: the user may put something over all others.
    root.mounts.extend(request.volumes.iter().map(Volume::mount));
    let home = directories.home(context, home_directory(&lower, builder.user.0))?;
    let api = PLATFORM_API.version().to_string();
    let platform = [("CNB_PLATFORM_API", api.as_str()), ("CNB_EXEC_ENV", request.execution_environment.as_str())];
    let environment = phase_environment(context, &ground.variables(context), &home, &platform);
    let network = if request.without_network { Network::None } else { Network::Host };
    Ok(Prepared {
        builder,
        platform: ground.platform(),
        run_image,
        previous,
        user,
        directories,
        workspace,
        destination,
        cache,
        executor,
        root,
        additions,
        environment,
        network,
    })
}

impl Prepared<'_> {
    /// The builder's file system, ready to run phases in.
    pub(super) fn chamber<'a>(&'a self, context: &'a Context<'a>) -> Chamber<'a> {
        Chamber {
            context,
            executor: self.executor.as_ref(),
            root: &self.root,
            program: &self.additions.program,
            flags: &self.additions.flags,
            environment: &self.environment,
            user: self.builder.user,
            workspace: &self.directories.workspace.image,
            network: self.network,
        }
    }
}

/// Layers of the previous image are to be taken over where they are.
fn check_previous(request: &BuildRequest) -> Result<(), BuildError> {
    let registry = |name: &ImageName| name.reference().map(|reference| reference.registry().to_owned());
    match &request.previous_image {
        Some(previous) if request.publishes() && registry(previous) != registry(&request.image) => {
            Err(BuildError::OtherRegistry { previous: previous.clone(), image: request.image.clone() })
        }
        Some(_) | None => Ok(()),
    }
}

/// The image that the build replaces; an absent one is none, an unreadable one is an error.
fn find_previous(
    context: &Context<'_>,
    request: &BuildRequest,
    platform: &Platform,
) -> Result<Option<Located>, BuildError> {
    let name = request.previous_image.as_ref().unwrap_or(&request.image);
    let wanted = Wanted::Exactly(platform.clone());
    // What is replaced is where the new image goes.
    let search = match request.daemon() {
        Some(engine) => Search::Daemon(engine),
        None if request.publishes() => Search::Registry,
        None => Search::STORE,
    };
    let needed = Needed::Documents;
    let asked = Asked { role: "previous image", name, wanted: &wanted, search, needed };
    locate_if_any(context, &asked).map_err(|source| BuildError::PreviousImage { name: name.clone(), source })
}
