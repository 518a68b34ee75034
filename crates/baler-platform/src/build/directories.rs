//! The directories of one build on the host, and how the phases come to them: mounted into the builder, or in place by
//! flags.

use std::io;
use std::path::{Path, PathBuf};

use baler_lifecycle::mounted::{BuildUser, MountedDirectory};
use baler_sandbox::{IdMap, Mount};
use baler_store::{Scratch, ScratchError};
use rustix::fs::{AtFlags, CWD, Gid, Uid};

use super::in_place::{self, Borrowed, ModulesError};
use super::order::BuildOrder;
use super::request::WorkspaceName;
use super::surroundings::{copy_build_config, host_files};
use crate::certificates::{self, Bundle};
use crate::context::Context;
use crate::modules::{ModuleKind, PlacedModule};
use crate::variables::Variables;

/// Why the directories could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DirectoryError {
    #[error("{0}")]
    Scratch(#[from] ScratchError),
    #[error("could not write {}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("could not give {} to the build user", path.display())]
    Chown { path: PathBuf, source: io::Error },
    #[error("{0}")]
    Modules(#[from] ModulesError),
}

/// Where our program is in the sandbox; under this name it is the lifecycle.
const LIFECYCLE: &str = "/cnb/lifecycle/lifecycle";

/// Everything of one build that is not an image. It goes when the build ends.
pub(super) struct Directories {
    pub(super) layers: MountedDirectory,
    pub(super) workspace: MountedDirectory,
    platform: PathBuf,
    build_config: PathBuf,
    pub(super) certificates: PathBuf,
    files: PathBuf,
    /// Last, so that it goes last.
    owner: Owned,
}

/// What the directories are in.
enum Owned {
    Sandbox {
        /// Where sandboxes put what is written to the root.
        roots: Scratch,
        _scratch: Scratch,
    },
    InPlace(Borrowed),
}

/// The order of a build, and where the modules are that do not come from the builder.
pub(super) struct OrderedModules<'a> {
    pub(super) order: &'a BuildOrder,
    pub(super) placed: &'a [PlacedModule],
}

impl OrderedModules<'_> {
    /// An empty file in place of the builder's system.toml, where that is not wanted.
    fn system_flag(&self) -> Option<(&'static str, PathBuf)> {
        self.order.without_system.then(|| ("-system", "/dev/null".into()))
    }
}

/// How a phase comes to what Baler adds to the builder.
#[derive(Clone, Debug, Default)]
pub(super) struct Additions {
    /// The lifecycle.
    pub(super) program: PathBuf,
    pub(super) mounts: Vec<Mount>,
    /// Flags of phases, with paths that are elsewhere than by default.
    pub(super) flags: Vec<(&'static str, PathBuf)>,
}

impl Directories {
    pub(super) fn make(
        scratch: Scratch,
        roots: Scratch,
        workspace_name: &WorkspaceName,
        workspace: &Path,
    ) -> Result<Self, DirectoryError> {
        let layers = scratch.subdirectory("layers")?;
        set_mode(&layers, 0o755)?;
        Ok(Self {
            layers: MountedDirectory::new(layers, "/layers"),
            workspace: MountedDirectory::new(workspace, format!("/{}", workspace_name.as_str())),
            platform: scratch.subdirectory("platform")?,
            build_config: scratch.subdirectory("build-config")?,
            certificates: scratch.subdirectory("certificates")?,
            files: scratch.subdirectory("files")?,
            owner: Owned::Sandbox { roots, _scratch: scratch },
        })
    }

    /// The directories of a build in place.
    pub(super) fn in_place(borrowed: Borrowed) -> Result<Self, DirectoryError> {
        let make = |name| {
            let path = borrowed.temporary.join(name);
            make_directory(&path).map(|()| path)
        };
        Ok(Self {
            layers: borrowed.layers.clone(),
            workspace: borrowed.workspace.clone(),
            platform: make("platform")?,
            build_config: make("build-config")?,
            certificates: make("certificates")?,
            files: make("files")?,
            owner: Owned::InPlace(borrowed),
        })
    }

    /// An empty directory for what one sandbox writes; in place there is none.
    pub(super) fn root_scratch(&self, name: &str) -> Result<PathBuf, DirectoryError> {
        match &self.owner {
            Owned::Sandbox { roots, .. } => Ok(roots.subdirectory(name)?),
            Owned::InPlace(_) => Ok(PathBuf::new()),
        }
    }

    /// Where phases have the certificates.
    pub(super) fn certificates_inside(&self) -> &Path {
        match &self.owner {
            Owned::Sandbox { .. } => Path::new(certificates::MOUNT_POINT),
            Owned::InPlace(_) => &self.certificates,
        }
    }

    /// The build user's home directory, given the one in the image.
    pub(super) fn home(&self, context: &Context<'_>, of_image: String) -> Result<String, DirectoryError> {
        match &self.owner {
            Owned::Sandbox { .. } => Ok(of_image),
            Owned::InPlace(borrowed) => Ok(in_place::home(of_image, context.caller.uid == 0, &borrowed.temporary)?),
        }
    }

    /// The user's variables, as files of the platform directory.
    pub(super) fn write_variables(&self, variables: &Variables) -> Result<(), DirectoryError> {
        let directory = self.platform.join("env");
        make_directory(&directory)?;
        variables.iter().try_for_each(|(name, value)| write(&directory.join(name), value.as_bytes()))
    }

    /// The builder's operator variables, and defaults that name the certificates.
    pub(super) fn write_build_config(&self, lower: &[PathBuf], bundle: Option<&Bundle>) -> Result<(), DirectoryError> {
        let directory = self.build_config.join("env");
        make_directory(&directory)?;
        let failed = |source| DirectoryError::Write { path: directory.clone(), source };
        copy_build_config(lower, &directory).map_err(failed)?;
        for (name, value) in bundle.iter().flat_map(|bundle| &bundle.variables) {
            let is_set =
                ["", ".default", ".override"].iter().any(|suffix| directory.join(format!("{name}{suffix}")).exists());
            if !is_set {
                write(&directory.join(format!("{name}.default")), value.as_bytes())?;
            }
        }
        Ok(())
    }

    /// What the phases see besides the builder.
    pub(super) fn additions(
        &self,
        program: &Path,
        order: &OrderedModules<'_>,
        has_bundle: bool,
    ) -> Result<Additions, DirectoryError> {
        match &self.owner {
            Owned::Sandbox { .. } => self.mounts(program, order, has_bundle),
            Owned::InPlace(_) => self.flags(program, order),
        }
    }

    fn mounts(
        &self,
        program: &Path,
        order: &OrderedModules<'_>,
        has_bundle: bool,
    ) -> Result<Additions, DirectoryError> {
        let mut mounts = vec![
            Mount::writable(&self.layers.host, &self.layers.image),
            Mount::writable(&self.workspace.host, &self.workspace.image),
            Mount::read_only(&self.platform, "/platform"),
            Mount::read_only(&self.build_config, "/cnb/build-config"),
            Mount::read_only(program, LIFECYCLE),
        ];
        if has_bundle {
            mounts.push(Mount::read_only(&self.certificates, certificates::MOUNT_POINT));
        }
        mounts.extend(host_files().into_iter().map(|(source, target)| Mount::read_only(source, target)));
        mounts.extend(order.placed.iter().map(|module| Mount::read_only(&module.source, &module.target)));
        if let Some(path) = self.write_order(order)? {
            mounts.push(Mount::read_only(path, "/cnb/order.toml"));
        }
        Ok(Additions { program: LIFECYCLE.into(), mounts, flags: order.system_flag().into_iter().collect() })
    }

    fn flags(&self, program: &Path, order: &OrderedModules<'_>) -> Result<Additions, DirectoryError> {
        let mut flags = vec![("-platform", self.platform.clone()), ("-build-config", self.build_config.clone())];
        for (flag, kind) in [("-buildpacks", ModuleKind::Buildpack), ("-extensions", ModuleKind::Extension)] {
            let added: Vec<&PlacedModule> =
                order.placed.iter().filter(|module| module.target.starts_with(kind.directory())).collect();
            if !added.is_empty() {
                let directory = self.files.join(flag.trim_start_matches('-'));
                in_place::collect_modules(kind, &added, &directory)?;
                flags.push((flag, directory));
            }
        }
        if let Some(path) = self.write_order(order)? {
            flags.push(("-order", path));
        }
        flags.extend(order.system_flag());
        let program = in_place::lifecycle(program, &self.files)?;
        Ok(Additions { program, mounts: Vec::new(), flags })
    }

    /// order.toml, if it is not the builder's.
    fn write_order(&self, order: &OrderedModules<'_>) -> Result<Option<PathBuf>, DirectoryError> {
        let Some(groups) = &order.order.order else { return Ok(None) };
        let path = self.files.join("order.toml");
        let extensions = order.order.order_extensions.as_deref().unwrap_or_default();
        write(&path, crate::builder::order_file(groups, extensions).as_bytes())?;
        Ok(Some(path))
    }

    /// Gives layers to the build user where that is not the caller, and the workspace where it does not belong to it yet.
    pub(super) fn give(&self, user: BuildUser, workspace_is_given: bool) -> Result<(), DirectoryError> {
        let Some(owner) = user.host else { return Ok(()) };
        let workspace = Some(&self.workspace.host).filter(|_| !workspace_is_given);
        for directory in std::iter::once(&self.layers.host).chain(workspace) {
            chown_tree(directory, Uid::from_raw(owner.uid), Gid::from_raw(owner.gid))?;
        }
        Ok(())
    }
}

/// The build user of an id map: its ids on the host matter only where they are not the caller's.
pub(super) fn build_user(id_map: &IdMap, user: (u32, u32), caller: u32) -> BuildUser {
    use baler_lifecycle::mounted::Owner;
    let host = match (id_map.host_uid(user.0), id_map.host_gid(user.1)) {
        (Some(uid), Some(gid)) if uid != caller => Some(Owner::new(uid, gid)),
        (Some(_) | None, Some(_) | None) => None,
    };
    BuildUser { image: Owner::new(user.0, user.1), host }
}

fn chown_tree(path: &Path, uid: Uid, gid: Gid) -> Result<(), DirectoryError> {
    let failed = |source| DirectoryError::Chown { path: path.to_owned(), source };
    let metadata = fs_err::symlink_metadata(path).map_err(failed)?;
    let is_given = |metadata: &std::fs::Metadata| {
        use std::os::unix::fs::MetadataExt;
        metadata.uid() == uid.as_raw() && metadata.gid() == gid.as_raw()
    };
    if !is_given(&metadata) {
        rustix::fs::chownat(CWD, path, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|error| failed(error.into()))?;
    }
    if metadata.is_dir() {
        for entry in fs_err::read_dir(path).map_err(failed)? {
            chown_tree(&entry.map_err(failed)?.path(), uid, gid)?;
        }
    }
    Ok(())
}

fn set_mode(path: &Path, mode: u32) -> Result<(), DirectoryError> {
    use std::os::unix::fs::PermissionsExt;
    fs_err::set_permissions(path, std::fs::Permissions::from_mode(mode))
        .map_err(|source| DirectoryError::Write { path: path.to_owned(), source })
}

fn make_directory(path: &Path) -> Result<(), DirectoryError> {
    fs_err::create_dir(path).map_err(|source| DirectoryError::Write { path: path.to_owned(), source })
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), DirectoryError> {
    fs_err::write(path, bytes).map_err(|source| DirectoryError::Write { path: path.to_owned(), source })
}
