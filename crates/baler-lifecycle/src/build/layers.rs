//! The layers that a buildpack left in its directory: their flags, and what they add to the environment.
//!
//! Buildpack specification, "Layer Types" and "Environment". A layer without any flag is renamed to `<layer>.ignore`.

use std::io;
use std::path::{Path, PathBuf};

use baler_cnb::environment::{Action, Environment, Phase};
use baler_cnb::layer::{LayerFile, LayerFileError, LayerTypes, RESERVED_NAMES};
use fs_err as fs;

use super::error::BuildpackOutputError;
use crate::platform_env::read_files;
use crate::toml_file::{ReadTomlError, read_text};

/// A layer with a `<layer>.toml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layer {
    pub(super) name: String,
    pub(super) types: LayerTypes,
    /// Its directory, which need not exist.
    pub(super) directory: PathBuf,
}

/// The layers of a buildpack, in the order of their files' names. Files of the buildpack itself are read like those of
/// layers, so that a broken one is found, but are none.
pub(super) fn read_layers(directory: &Path) -> Result<Vec<Layer>, BuildpackOutputError> {
    let mut files = list(directory, |name| name.ends_with(b".toml"))?;
    files.sort();
    let mut layers = Vec::new();
    for path in files {
        let types = read_types(&path)?;
        let name =
            path.file_name().and_then(|name| name.to_str()?.strip_suffix(".toml")).filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| BuildpackOutputError::LayerName(path.clone()))?.to_owned();
        if RESERVED_NAMES.contains(&name.as_str()) {
            if !types.is_ignored() {
                return Err(BuildpackOutputError::ReservedName { path, name });
            }
        } else {
            layers.push(Layer { directory: directory.join(&name), name, types });
        }
    }
    Ok(layers)
}

fn read_types(path: &Path) -> Result<LayerTypes, BuildpackOutputError> {
    let file = LayerFile::parse(&read_text(path)?);
    file.map(|file| file.types()).map_err(|error| match error {
        LayerFileError::Invalid(source) => ReadTomlError::Invalid { path: path.to_owned(), source }.into(),
        LayerFileError::MisplacedFlag(flag) => BuildpackOutputError::MisplacedFlag { path: path.to_owned(), flag },
        _ => BuildpackOutputError::LayerName(path.to_owned()),
    })
}

/// The ordinary files of a directory with a wanted name.
pub(super) fn list(directory: &Path, is_wanted: impl Fn(&[u8]) -> bool) -> Result<Vec<PathBuf>, BuildpackOutputError> {
    use std::os::unix::ffi::OsStrExt as _;
    let list = || -> io::Result<Vec<PathBuf>> {
        let mut paths = Vec::new();
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            if is_wanted(entry.file_name().as_bytes()) && !entry.path().is_dir() {
                paths.push(entry.path());
            }
        }
        Ok(paths)
    };
    list().map_err(|source| BuildpackOutputError::FileSystem {
        operation: "list the files in",
        path: directory.to_owned(),
        source,
    })
}

/// Renames the directories of layers without a flag.
pub(super) fn put_ignored_aside(layers: &[Layer]) -> Result<(), BuildpackOutputError> {
    for layer in layers.iter().filter(|layer| layer.types.is_ignored() && layer.directory.exists()) {
        let mut aside = layer.directory.clone().into_os_string();
        aside.push(".ignore");
        let aside = PathBuf::from(aside);
        let error = |operation| {
            let path = layer.directory.clone();
            move |source| BuildpackOutputError::FileSystem { operation, path, source }
        };
        if aside.exists() {
            fs::remove_dir_all(&aside).map_err(error("remove what was put aside of"))?;
        }
        fs::rename(&layer.directory, &aside).map_err(error("put aside"))?;
    }
    Ok(())
}

/// Applies what the build layers add: their root directories, then `env`, then `env.build`.
pub(super) fn extend_environment(environment: &mut Environment, layers: &[Layer]) -> Result<(), BuildpackOutputError> {
    for layer in layers.iter().filter(|layer| layer.types.build) {
        environment.prepend_root_directories(Phase::Build, &layer.directory, Path::is_dir);
        for name in ["env", "env.build"] {
            let path = layer.directory.join(name);
            let files = read_files(&path)?;
            let applied = environment.apply_files(&files, Action::Override);
            applied.map_err(|source| BuildpackOutputError::Environment { path, source })?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = directory.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        directory
    }

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn flags_decide_who_is_put_aside() {
        let flags = ["build", "launch", "cache"];
        let mut files = Vec::new();
        let combination = |number: usize| flags.iter().enumerate().filter(move |(at, _)| number >> at & 1 == 1);
        for number in 0..8 {
            let set: Vec<_> = combination(number).map(|(_, flag)| format!("{flag} = true\n")).collect();
            let set = set.concat();
            files.push((format!("l{number}.toml"), format!("[types]\n{set}")));
            files.push((format!("l{number}/file"), String::new()));
        }
        let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        let directory = directory(&files);
        let layers = read_layers(directory.path()).unwrap();
        put_ignored_aside(&layers).unwrap();
        assert_eq!(layers.len(), 8);
        assert_eq!(layers[3].types, LayerTypes { build: true, launch: true, cache: false });
        let expected = ["l0.ignore", "l0.toml", "l1", "l1.toml"];
        assert_eq!(names(directory.path())[..4], expected);
        assert!((1..8).all(|number| directory.path().join(format!("l{number}")).exists()));
    }

    #[test]
    fn what_was_put_aside_before_makes_room() {
        let directory = directory(&[("l.toml", ""), ("l/new", ""), ("l.ignore/old", "")]);
        put_ignored_aside(&read_layers(directory.path()).unwrap()).unwrap();
        assert_eq!(names(&directory.path().join("l.ignore")), ["new"]);
    }

    #[test]
    fn broken_layers_are_refused_by_name() {
        let cases = [
            ("bad.toml", "[types\n", "bad.toml is not valid"),
            ("text.toml", "[types]\nlaunch = \"yes\"\n", "text.toml is not valid"),
            ("old.toml", "launch = true\n", "the launch, cache and build flags should be in the types table of "),
            ("store.toml", "not toml\n", "store.toml is not valid"),
            ("launch.toml", "[types]\nlaunch = true\n", "no layer can have the name 'launch'"),
            (".toml", "", "the name of a layer is its file's name"),
        ];
        for (file, text, expected) in cases {
            let directory = directory(&[(file, text)]);
            let error = read_layers(directory.path()).unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains(file), "{error}");
        }
        let directory = directory(&[("loose/file", ""), ("launch.toml", ""), ("store.toml", "[metadata]\n")]);
        assert_eq!(read_layers(directory.path()).unwrap(), []);
    }

    #[test]
    fn build_layers_extend_the_environment() {
        let directory = directory(&[
            ("one.toml", "[types]\nbuild = true\n"),
            ("one/bin/x", ""),
            ("one/lib/x", ""),
            ("one/include/x", ""),
            ("one/pkgconfig/x", ""),
            ("one/env/PLAIN", "plain"),
            ("one/env/APP.append", "one"),
            ("one/env/APP.delim", ":"),
            ("one/env/DEF.default", "one"),
            ("one/env.build/PLAIN", "from env.build"),
            ("one/env.launch/LAUNCH", "must not be seen"),
            ("two.toml", "[types]\nbuild = true\nlaunch = true\n"),
            ("two/bin/x", ""),
            ("two/env/APP.append", "two"),
            ("two/env/APP.delim", ":"),
            ("two/env/DEF.default", "two"),
            ("launch-only.toml", "[types]\nlaunch = true\n"),
            ("launch-only/env/NO", "must not be seen"),
            ("launch-only/bin/x", ""),
        ]);
        let mut environment: Environment = [("PATH", "/bin"), ("CPATH", "/own")].into_iter().collect();
        extend_environment(&mut environment, &read_layers(directory.path()).unwrap()).unwrap();
        let root = directory.path().display();
        let expected = [
            "APP=one:two".to_owned(),
            format!("CPATH={root}/one/include:/own"),
            "DEF=one".to_owned(),
            format!("LD_LIBRARY_PATH={root}/one/lib"),
            format!("LIBRARY_PATH={root}/one/lib"),
            format!("PATH={root}/two/bin:{root}/one/bin:/bin"),
            format!("PKG_CONFIG_PATH={root}/one/pkgconfig"),
            "PLAIN=from env.build".to_owned(),
        ];
        let found: Vec<_> =
            environment.iter().map(|(name, value)| format!("{}={}", name.display(), value.display())).collect();
        assert_eq!(found, expected);
    }
}
