//! What the phases stand on: the builder's layers, unpacked and stacked, or the image that Baler was started in.

use std::path::{Path, PathBuf};

use baler_image::{Platform, Wanted};
use baler_layer::ownership::User;
use baler_lifecycle::mounted::BuildUser;
use baler_sandbox::{IdMap, InPlaceExecutor, NativeExecutor, Root};

use super::builder_image::BuilderImage;
use super::directories::{Directories, build_user};
use super::error::BuildError;
use super::executor::Executor;
use super::in_place::{self, Borrowed};
use super::request::BuildRequest;
use super::workspace::{Copied, Workspace};
use crate::context::Context;
use crate::output::Level;
use crate::places::{Asked, Located, Needed, Search, locate};
use crate::unpack::unpack;

/// Where the builder is.
pub(super) enum Ground {
    /// An image, for a sandbox.
    Image(Box<Located>),
    /// All around.
    InPlace,
}

/// Ready for the phases, but for what Baler adds to the builder.
pub(super) struct Floor {
    pub(super) directories: Directories,
    pub(super) workspace: Workspace,
    pub(super) user: BuildUser,
    pub(super) executor: Box<dyn baler_sandbox::Executor>,
    pub(super) root: Root,
}

impl Ground {
    pub(super) fn find(context: &Context<'_>, request: &BuildRequest) -> Result<Self, BuildError> {
        match request.executor {
            Executor::Sandbox => Ok(Self::Image(Box::new(find_builder(context, request)?))),
            Executor::InPlace => {
                in_place::check(context, request)?;
                Ok(Self::InPlace)
            }
        }
    }

    /// What the builder says of itself.
    pub(super) fn builder(&self, context: &Context<'_>, request: &BuildRequest) -> Result<BuilderImage, BuildError> {
        match self {
            Self::Image(located) => BuilderImage::read(&located.image)
                .map_err(|source| BuildError::InvalidBuilder { name: request.builder.clone(), source }),
            Self::InPlace => Ok(in_place::builder(context)?),
        }
    }

    pub(super) fn platform(&self) -> Platform {
        match self {
            Self::Image(located) => located.image.platform().clone(),
            Self::InPlace => Platform::host(),
        }
    }

    /// The image's variables, `NAME=VALUE` each.
    pub(super) fn variables(&self, context: &Context<'_>) -> Vec<String> {
        match self {
            Self::Image(located) => located.image.config().config.env.clone(),
            Self::InPlace => in_place::environment(context),
        }
    }

    /// The directories that have the builder's files, topmost first.
    pub(super) fn lower(&self, root: &Root) -> Vec<PathBuf> {
        match self {
            Self::Image(_) => root.lower.clone(),
            Self::InPlace => vec![PathBuf::from("/")],
        }
    }

    /// Which ids stand behind those inside.
    pub(super) fn id_map(&self, context: &Context<'_>, user: (u32, u32)) -> IdMap {
        match self {
            Self::Image(_) => IdMap::choose(&context.caller, user, &context.host_ids),
            Self::InPlace => IdMap::single(&context.caller, user),
        }
    }

    /// Unpacks the builder where it is an image, and copies the application: over what is in the cache of it.
    pub(super) fn lay(
        &self,
        context: &Context<'_>,
        request: &BuildRequest,
        cache: Option<&Path>,
        user: (u32, u32),
    ) -> Result<Floor, BuildError> {
        match self {
            Self::Image(located) => lay_layers(context, request, (located, cache), user),
            Self::InPlace => lay_in_place(context, request, user),
        }
    }
}

fn lay_layers(
    context: &Context<'_>,
    request: &BuildRequest,
    (located, cache): (&Located, Option<&Path>),
    (uid, gid): (u32, u32),
) -> Result<Floor, BuildError> {
    let id_map = IdMap::choose(&context.caller, (uid, gid), &context.host_ids);
    let scratch = context.store.scratch_for("build", &id_map).map_err(super::DirectoryError::from)?;
    let roots = context.store.scratch_for("roots", &id_map).map_err(super::DirectoryError::from)?;
    let mut workspace = Workspace::take(request, cache, &scratch).map_err(super::DirectoryError::from)?;
    let directories = Directories::make(scratch, roots, &request.workspace, workspace.tree())?;
    let user = build_user(&id_map, (uid, gid), context.caller.uid);
    // Unpacking keeps the processors busy, copying the disk.
    let (unpacked, copied) = std::thread::scope(|scope| {
        let copying = scope.spawn(|| workspace.fill(context, request, user.host));
        let unpacked = unpack(context, located, &id_map);
        (unpacked, copying.join())
    });
    let unpacked = unpacked.map_err(|source| BuildError::Unpack { name: request.builder.clone(), source })?;
    tell_left_out(context, &copied.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
    let writable = unpacked.writable(&User { uid, gids: vec![gid] });
    Ok(Floor {
        directories,
        workspace,
        user,
        executor: Box::new(NativeExecutor::new(context.program.clone(), id_map)),
        root: Root { lower: unpacked.lower, writable, ..Root::default() },
    })
}

fn lay_in_place(context: &Context<'_>, request: &BuildRequest, ids: (u32, u32)) -> Result<Floor, BuildError> {
    context.output.line(Level::Warning, &in_place::warning(context, ids));
    let user = in_place::user(context, ids);
    let directories = Directories::in_place(Borrowed::take(context, request, user)?)?;
    let mut workspace = Workspace::borrowed(&directories.workspace.host);
    tell_left_out(context, &workspace.fill(context, request, user.host)?);
    let executor = Box::new(InPlaceExecutor { program: context.program.clone() });
    Ok(Floor { directories, workspace, user, executor, root: Root::default() })
}

fn tell_left_out(context: &Context<'_>, copied: &Copied) {
    for path in &copied.left_out {
        let text = format!("{} is left out: an image cannot hold a socket, pipe or device", path.display());
        context.output.line(Level::Warning, &text);
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
