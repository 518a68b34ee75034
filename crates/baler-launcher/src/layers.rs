//! What the layers of an image hold for launch: environment directories, exec.d programs, profile scripts. Reading
//! only; what is read is applied elsewhere.
//!
//! Layers are the directories below `<layers>/<buildpack>`, by name; only launch layers are in an app image.

use std::ffi::OsString;
use std::fs::FileType;
use std::io;
use std::path::{Path, PathBuf};

use baler_cnb::environment::{EnvironmentFile, Phase, root_directories};
use baler_cnb::metadata::GroupModule;
use fs_err as fs;

use crate::environment::LayerEnvironment;

/// The layers of one buildpack, by name.
pub type BuildpackLayers = Vec<PathBuf>;

/// Finds the layers of `buildpacks`, in their order. Buildpacks without a directory have none.
pub fn find(layers_dir: &Path, buildpacks: &[GroupModule]) -> io::Result<Vec<BuildpackLayers>> {
    let directories = buildpacks.iter().map(|buildpack| layers_dir.join(buildpack.directory_name()));
    directories.map(|directory| entries(&directory, FileType::is_dir)).collect()
}

/// Reads what a layer does to the environment of `process_type`.
pub fn environment(layer: &Path, process_type: Option<&str>) -> io::Result<LayerEnvironment> {
    let roots = root_directories(Phase::Launch).iter().map(|(directory, _)| layer.join(directory));
    let mut directories = Vec::new();
    for directory in [vec![layer.join("env")], with_type(layer.join("env.launch"), process_type)].concat() {
        let files = environment_files(&directory)?;
        directories.push((directory, files));
    }
    Ok(LayerEnvironment {
        root_directories: roots.filter(|directory| directory.is_dir()).collect(),
        path: layer.to_owned(),
        directories,
    })
}

/// The programs of a layer that add to the environment when the process starts.
pub fn exec_d(layer: &Path, process_type: Option<&str>) -> io::Result<Vec<PathBuf>> {
    files_of(with_type(layer.join("exec.d"), process_type))
}

/// The scripts of a layer that the shell sources.
pub fn profiles(layer: &Path, process_type: Option<&str>) -> io::Result<Vec<PathBuf>> {
    files_of(with_type(layer.join("profile.d"), process_type))
}

/// A directory that applies to all processes, and the one in it that applies to this one.
fn with_type(directory: PathBuf, process_type: Option<&str>) -> Vec<PathBuf> {
    let own = process_type.map(|process_type| directory.join(process_type));
    std::iter::once(directory).chain(own).collect()
}

fn files_of(directories: Vec<PathBuf>) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for directory in directories {
        files.extend(files_in(&directory)?);
    }
    Ok(files)
}

fn environment_files(directory: &Path) -> io::Result<Vec<EnvironmentFile>> {
    let read = |path: PathBuf| {
        let contents = fs::read(&path)?;
        Ok((path.file_name().map(OsString::from).unwrap_or_default(), contents))
    };
    files_in(directory)?.into_iter().map(read).collect()
}

/// The files of a directory, by name; a link to a file counts, a directory does not.
fn files_in(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = entries(directory, |kind| !kind.is_dir())?;
    paths.retain(|path| !path.is_dir());
    Ok(paths)
}

/// The entries of a directory that are wanted, by name; none if there is no such directory.
fn entries(directory: &Path, is_wanted: impl Fn(&FileType) -> bool) -> io::Result<Vec<PathBuf>> {
    let listing = match fs::read_dir(directory) {
        Ok(listing) => listing,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut paths = Vec::new();
    for entry in listing {
        let entry = entry?;
        if is_wanted(&entry.file_type()?) {
            paths.push(entry.path());
        }
    }
    paths.sort_unstable();
    Ok(paths)
}
