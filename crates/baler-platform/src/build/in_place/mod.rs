//! Builds in place: the builder is the image that Baler was started in.
//!
//! Its labels cannot be seen from inside; what they say stands in files too: the order, the run images, the buildpacks
//! (Platform specification, "Build Image"; pack's layout of builders). Nothing can be mounted, so the directories of the
//! builder are borrowed for the time of the build (`borrowed`).

mod borrowed;
mod error;
mod files;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use baler_cnb::environment::Environment;
use baler_cnb::labels::{BuilderLabel, ModuleLayers, RunImageLabel, StackLabel};
use baler_cnb::order::OrderFile;
use baler_cnb::run::{RunFile, RunImage, StackFile};
use baler_lifecycle::mounted::{BuildUser, Owner};
use baler_lifecycle::platform_env::passed_on;
use serde::de::DeserializeOwned;

pub(super) use borrowed::Borrowed;
pub use error::InPlaceError;
pub(super) use files::ModulesError;
pub(super) use files::{collect_modules, home, lifecycle};

use super::builder_image::BuilderImage;
use super::request::BuildRequest;
use crate::context::Context;
use crate::modules::{Description, ModuleKind};

const ORDER: &str = "/cnb/order.toml";
const BUILDPACKS: &str = "/cnb/buildpacks";
const IDS: [&str; 2] = ["CNB_USER_ID", "CNB_GROUP_ID"];

/// Whether Baler was started in a builder image.
pub(crate) fn is_builder(variables: &BTreeMap<String, String>) -> bool {
    missing(variables).is_none()
}

fn missing(variables: &BTreeMap<String, String>) -> Option<&'static str> {
    let is_set = |name: &str| variables.get(name).is_some_and(|value| !value.is_empty());
    let variable = IDS.into_iter().find(|name| !is_set(name));
    variable.or_else(|| [ORDER, BUILDPACKS].into_iter().find(|path| !Path::new(path).exists()))
}

/// Refuses what only a sandbox can give.
pub(super) fn check(context: &Context<'_>, request: &BuildRequest) -> Result<(), InPlaceError> {
    if let Some(missing) = missing(&context.variables) {
        return Err(InPlaceError::NoBuilder { missing });
    }
    if !request.volumes.is_empty() {
        return Err(InPlaceError::NeedsSandbox { flag: "--volume" });
    }
    if request.without_network {
        return Err(InPlaceError::NeedsSandbox { flag: "--network none" });
    }
    Ok(())
}

/// What the labels of the image would say.
pub(super) fn builder(context: &Context<'_>) -> Result<BuilderImage, InPlaceError> {
    let order: OrderFile = read(Path::new(ORDER))?.unwrap_or_default();
    let run: RunFile = read(Path::new("/cnb/run.toml"))?.unwrap_or_default();
    let stack: StackFile = read(Path::new("/cnb/stack.toml"))?.unwrap_or_default();
    let label = |image: RunImage| RunImageLabel { image: image.image, mirrors: image.mirrors };
    let metadata = BuilderLabel {
        images: run.images.into_iter().map(label).collect(),
        stack: StackLabel { run_image: label(stack.run_image) },
        ..BuilderLabel::default()
    };
    let user = (id(context, IDS[0])?, id(context, IDS[1])?);
    let OrderFile { order, order_extensions } = order;
    let buildpacks = buildpacks(Path::new(BUILDPACKS))?;
    Ok(BuilderImage { user, metadata, order, order_extensions, buildpacks })
}

/// The build user: root gives it what is made for it; anyone else is it, whatever the id.
pub(super) fn user(context: &Context<'_>, (uid, gid): (u32, u32)) -> BuildUser {
    let image = Owner::new(uid, gid);
    BuildUser { image, host: (context.caller.uid == 0).then_some(image) }
}

/// The variables that an image has and a phase passes on. All others of this process may be secrets of a job.
pub(super) fn environment(context: &Context<'_>) -> Vec<String> {
    let all: Environment = context.variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let of_image = |name: &str| !matches!(name, "HOME" | "HOSTNAME");
    let passed = passed_on(&all);
    let texts = passed.iter().filter_map(|(name, value)| Some((name.to_str()?, value.to_str()?)));
    texts.filter(|(name, _)| of_image(name)).map(|(name, value)| format!("{name}={value}")).collect()
}

/// What is not held back in place, for one line.
pub(super) fn warning(context: &Context<'_>, (uid, _): (u32, u32)) -> String {
    let uid = if context.caller.uid == 0 { uid } else { context.caller.uid };
    format!(
        "buildpacks run in place, as user {uid} of this container: they see its files and processes and can change what this user can; only privileges, system calls and this program's variables are held back (docs/security.md)"
    )
}

/// All buildpacks of the builder: `<id>/<version>/buildpack.toml`.
fn buildpacks(directory: &Path) -> Result<ModuleLayers, InPlaceError> {
    let mut layers = ModuleLayers::new();
    for path in versions(directory)? {
        let description = Description::read(ModuleKind::Buildpack, &path);
        let description = description.map_err(|source| InPlaceError::Module { path, source })?;
        let (id, version) = description.key();
        // Nothing asks which layer it is in.
        let layer = description.to_label("");
        layers.entry(id).or_default().insert(version, layer);
    }
    Ok(layers)
}

/// The directories of all versions of all modules.
fn versions(directory: &Path) -> Result<Vec<PathBuf>, InPlaceError> {
    let mut found = Vec::new();
    for id in entries(directory)? {
        // A link is another name of a version that is there.
        found.extend(entries(&id)?.into_iter().filter(|path| path.is_dir() && !path.is_symlink()));
    }
    Ok(found)
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>, InPlaceError> {
    let failed = |source| InPlaceError::Read { path: directory.to_owned(), source };
    if !directory.is_dir() {
        return Ok(Vec::new());
    }
    let entries = fs_err::read_dir(directory).map_err(failed)?;
    let mut paths: Vec<_> =
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>().map_err(failed)?;
    paths.sort();
    Ok(paths)
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, InPlaceError> {
    let text = match fs_err::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(InPlaceError::Read { path: path.to_owned(), source }),
    };
    let parse = |source| InPlaceError::Parse { path: path.to_owned(), source: Box::new(source) };
    toml::from_str(&text).map(Some).map_err(parse)
}

fn id(context: &Context<'_>, variable: &'static str) -> Result<u32, InPlaceError> {
    let text = context.variable(variable).unwrap_or_default();
    let id = text.parse().ok().filter(|id| *id > 0);
    id.ok_or_else(|| InPlaceError::Id { variable, value: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_buildpacks_of_a_directory_are_those_of_the_label() {
        let work = tempfile::tempdir().unwrap();
        let version = work.path().join("a_b/1.0");
        fs_err::create_dir_all(&version).unwrap();
        let text = "api = \"0.10\"\n[buildpack]\nid = \"a/b\"\nversion = \"1.0\"\n[[targets]]\nos = \"linux\"\n";
        fs_err::write(version.join("buildpack.toml"), text).unwrap();
        std::os::unix::fs::symlink("1.0", work.path().join("a_b/latest")).unwrap();
        let layers = buildpacks(work.path()).unwrap();
        assert_eq!(layers["a/b"]["1.0"].api, "0.10");
        assert_eq!(layers["a/b"].len(), 1);
        assert!(buildpacks(&work.path().join("absent")).unwrap().is_empty());
        fs_err::write(version.join("buildpack.toml"), "nonsense").unwrap();
        assert!(matches!(buildpacks(work.path()), Err(InPlaceError::Module { .. })));
    }
}
