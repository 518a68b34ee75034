//! The environment that modules run in: what passes through from the lifecycle, what users and operators set.
//!
//! Buildpack specification, "Provided by the Platform" and "User-Provided Variables"; Platform specification,
//! "Build-config". Everything else in the lifecycle's own environment stays out.

use std::io;
use std::path::{Path, PathBuf};

use baler_cnb::analyzed::TargetMetadata;
use baler_cnb::environment::{Action, Environment, EnvironmentError, EnvironmentFile};
use baler_cnb::features::BuildpackFeatures;
use fs_err as fs;

use crate::module_store::{Module, ModuleApiError, ModuleKind};

/// The variables of the lifecycle's own environment that modules see.
const PASSED_ON: [&str; 14] = [
    "CNB_STACK_ID",
    "HOSTNAME",
    "HOME",
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "NO_PROXY",
    "no_proxy",
    "PATH",
    "LD_LIBRARY_PATH",
    "LIBRARY_PATH",
    "CPATH",
    "PKG_CONFIG_PATH",
];

/// What users and operators set: the files of `<platform>/env` and `<build-config>/env`.
#[derive(Clone, Debug, Default)]
pub struct UserEnvironment {
    platform: Vec<EnvironmentFile>,
    build_config: Vec<EnvironmentFile>,
}

/// Why the environment of a module could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModuleEnvironmentError {
    #[error("could not read the environment in {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("could not use the environment in {}", path.display())]
    Invalid { path: PathBuf, source: EnvironmentError },
    #[error(transparent)]
    Api(#[from] ModuleApiError),
}

/// What all modules of a phase are told alike.
pub struct ModuleVariables<'a> {
    pub platform_directory: &'a Path,
    pub target: &'a TargetMetadata,
    pub exec_env: &'a str,
}

/// The part of the lifecycle's own environment that modules see.
pub fn passed_on(environment: &Environment) -> Environment {
    PASSED_ON.iter().filter_map(|name| environment.get(name).map(|value| (*name, value))).collect()
}

impl UserEnvironment {
    /// Reads the files below the platform directory and the build-config directory. Either may be missing. They are
    /// tried out at once, so that a name or a value that no process can have is found before anything runs.
    pub fn read(platform: &Path, build_config: &Path) -> Result<Self, ModuleEnvironmentError> {
        let (platform, build_config) = (platform.join("env"), build_config.join("env"));
        let files = Self { platform: read_files(&platform)?, build_config: read_files(&build_config)? };
        let mut trial = Environment::new();
        let invalid = |path| move |source| ModuleEnvironmentError::Invalid { path, source };
        trial.apply_platform_files(&files.platform).map_err(invalid(platform))?;
        trial.apply_files(&files.build_config, Action::Default).map_err(invalid(build_config))?;
        Ok(files)
    }

    /// `base` with what users (unless the module wants a clear environment) and operators set.
    fn applied_to(&self, base: &Environment, clear_env: bool) -> Environment {
        let mut environment = base.clone();
        if !clear_env {
            environment.apply_platform_files(&self.platform).expect("reading has tried the same files");
        }
        environment.apply_files(&self.build_config, Action::Default).expect("reading has tried the same files");
        environment
    }

    /// The environment of a program of `module`, but for what only that program is told.
    pub fn for_module(
        &self,
        base: &Environment,
        module: &Module,
        variables: &ModuleVariables<'_>,
    ) -> Result<Environment, ModuleApiError> {
        let features = module.features()?;
        let mut environment = self.applied_to(base, module.info.clear_env);
        let directory = match module.kind {
            ModuleKind::Buildpack => "CNB_BUILDPACK_DIR",
            ModuleKind::Extension => "CNB_EXTENSION_DIR",
        };
        environment.set(directory, &module.directory);
        if features.inputs_as_variables {
            environment.set("CNB_PLATFORM_DIR", variables.platform_directory);
        }
        set_target(&mut environment, features, variables.target);
        if features.exec_env {
            environment.set("CNB_EXEC_ENV", variables.exec_env);
        }
        Ok(environment)
    }
}

fn set_target(environment: &mut Environment, features: BuildpackFeatures, target: &TargetMetadata) {
    if !features.targets {
        return;
    }
    environment.set("CNB_TARGET_OS", &target.os);
    environment.set("CNB_TARGET_ARCH", &target.arch);
    let distro = target.distro.clone().unwrap_or_default();
    let known = [
        ("CNB_TARGET_ARCH_VARIANT", &target.arch_variant),
        ("CNB_TARGET_DISTRO_NAME", &distro.name),
        ("CNB_TARGET_DISTRO_VERSION", &distro.version),
    ];
    for (name, value) in known.into_iter().filter(|(_, value)| !value.is_empty()) {
        environment.set(name, value);
    }
}

/// The ordinary files of a directory, links to such files included; none if there is no such directory.
pub fn read_files(directory: &Path) -> Result<Vec<EnvironmentFile>, ModuleEnvironmentError> {
    let read = || -> io::Result<Vec<EnvironmentFile>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            if fs::metadata(entry.path())?.is_file() {
                files.push((entry.file_name(), fs::read(entry.path())?));
            }
        }
        files.sort();
        Ok(files)
    };
    match read() {
        Err(error) if !directory.exists() && error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        result => result.map_err(|source| ModuleEnvironmentError::Read { path: directory.to_owned(), source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use baler_cnb::buildpack::{Distro, ModuleInfo};

    fn user_environment() -> (tempfile::TempDir, UserEnvironment) {
        let directory = tempfile::tempdir().unwrap();
        let files = [
            ("platform/env/PLAIN", "platform value"),
            ("platform/env/LINES", "ends with a newline\n"),
            ("platform/env/DOTTED.append", "the dot is part of the name"),
            ("platform/env/PATH", "/platform/bin"),
            ("platform/env/BOTH", "platform"),
            ("platform/env/directory/file", "ignored"),
            ("platform/env/FORCED", "user"),
            ("config/env/OPERATOR", "default value"),
            ("config/env/BOTH", "operator default"),
            ("config/env/BOTH.append", "+operator"),
            ("config/env/FORCED.override", "forced"),
        ];
        for (path, text) in files {
            let path = directory.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let link = directory.path().join("platform/env/LINK");
        std::os::unix::fs::symlink(directory.path().join("platform/env/PLAIN"), link).unwrap();
        let read = UserEnvironment::read(&directory.path().join("platform"), &directory.path().join("config"));
        (directory, read.unwrap())
    }

    fn module(api: &str, clear_env: bool) -> Module {
        Module {
            kind: ModuleKind::Buildpack,
            directory: "/cnb/buildpacks/a/1".into(),
            api: api.into(),
            info: ModuleInfo { clear_env, ..Default::default() },
            order: Vec::new(),
            targets: Vec::new(),
        }
    }

    fn environment(module: &Module) -> Vec<String> {
        let (_directory, user) = user_environment();
        let target = TargetMetadata {
            os: "linux".into(),
            arch: "arm".into(),
            distro: Some(Distro { name: "debian".into(), version: String::new() }),
            ..Default::default()
        };
        let variables =
            ModuleVariables { platform_directory: Path::new("/platform"), target: &target, exec_env: "test" };
        let own: Environment = [("PATH", "/bin"), ("SECRET", "x"), ("no_proxy", "localhost")].into_iter().collect();
        let environment = user.for_module(&passed_on(&own), module, &variables).unwrap();
        environment.iter().map(|(name, value)| format!("{}={}", name.display(), value.display())).collect()
    }

    #[test]
    fn users_and_operators_set_variables() {
        let expected = [
            "BOTH=platform+operator",
            "CNB_BUILDPACK_DIR=/cnb/buildpacks/a/1",
            "CNB_EXEC_ENV=test",
            "CNB_PLATFORM_DIR=/platform",
            "CNB_TARGET_ARCH=arm",
            "CNB_TARGET_DISTRO_NAME=debian",
            "CNB_TARGET_OS=linux",
            "DOTTED.append=the dot is part of the name",
            "FORCED=forced",
            "LINES=ends with a newline\n",
            "LINK=platform value",
            "OPERATOR=default value",
            "PATH=/platform/bin:/bin",
            "PLAIN=platform value",
            "no_proxy=localhost",
        ];
        assert_eq!(environment(&module("0.12", false)), expected);
    }

    #[test]
    fn a_clear_environment_has_what_operators_set() {
        let expected = [
            "BOTH=operator default+operator",
            "CNB_BUILDPACK_DIR=/cnb/buildpacks/a/1",
            "FORCED=forced",
            "OPERATOR=default value",
            "PATH=/bin",
            "no_proxy=localhost",
        ];
        assert_eq!(environment(&module("0.7", true)), expected);
    }

    #[test]
    fn a_name_that_no_variable_can_have_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir_all(directory.path().join("env")).unwrap();
        fs::write(directory.path().join("env/a=b"), "x").unwrap();
        let error = UserEnvironment::read(directory.path(), Path::new("/nowhere")).unwrap_err();
        assert!(matches!(error, ModuleEnvironmentError::Invalid { .. }), "{error}");
    }
}
