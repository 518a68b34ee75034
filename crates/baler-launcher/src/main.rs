//! The launcher: reads what the image can start, decides, and becomes that process.

use std::convert::Infallible;
use std::env;
use std::error::Error;
use std::ffi::{OsStr, OsString};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{self, Path, PathBuf};
use std::process::ExitCode;

use baler_cnb::api::PlatformApiError;
use baler_cnb::environment::Environment;
use baler_cnb::features::PlatformFeatures;
use baler_cnb::metadata::{InvalidMetadata, Metadata};
use baler_launcher::environment::{ModifyEnvironmentError, apply_buildpack, base_environment};
use baler_launcher::inputs::Inputs;
use baler_launcher::layers::BuildpackLayers;
use baler_launcher::selection::{Request, Selection, SelectionError, UnknownBuildpackApi};
use baler_launcher::{Start, direct, exec_d, layers, selection, shell};
use fs_err as fs;

/// Why no process runs; each kind has its exit code.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    PlatformApi(#[from] PlatformApiError),
    #[error(transparent)]
    BuildpackApi(#[from] UnknownBuildpackApi),
    #[error("failed to read metadata")]
    ReadMetadata(#[source] ReadMetadataError),
    #[error("failed to launch")]
    Launch(#[source] LaunchError),
}

#[derive(Debug, thiserror::Error)]
enum ReadMetadataError {
    #[error(transparent)]
    Read(io::Error),
    #[error("{}", path.display())]
    Parse { path: PathBuf, source: InvalidMetadata },
}

#[derive(Debug, thiserror::Error)]
enum LaunchError {
    #[error("determine start command")]
    Select(#[source] SelectionError),
    #[error("change to {what} directory {}", path.display())]
    ChangeDirectory { what: &'static str, path: PathBuf, source: io::Error },
    #[error("look into layers")]
    FindLayers(#[source] io::Error),
    #[error("modify env")]
    ModifyEnvironment(#[source] ModifyEnvironmentError),
    #[error("exec.d")]
    ExecD(#[source] exec_d::ExecDError),
    #[error(transparent)]
    Lookup(direct::CommandNotFound),
    #[error("exec {}", program.display())]
    Exec { program: PathBuf, source: io::Error },
}

fn main() -> ExitCode {
    match run() {
        Ok(never) => match never {},
        Err(failure) => {
            say(&format!("ERROR: {}", chain(&failure)));
            ExitCode::from(failure.exit_code())
        }
    }
}

fn run() -> Result<Infallible, Failure> {
    let mut arguments = env::args_os();
    let name = arguments.next().unwrap_or_default();
    let user_arguments: Vec<OsString> = arguments.collect();
    let container: Environment = env::vars_os().collect();

    let inputs = Inputs::from_environment(&container)?;
    for warning in &inputs.warnings {
        say(&format!("Warning: {warning}"));
    }
    let metadata = read_metadata(&inputs.layers_dir).map_err(Failure::ReadMetadata)?;
    selection::check_buildpack_apis(&metadata.buildpacks)?;
    let request = Request {
        features: PlatformFeatures::for_api(inputs.platform_api),
        metadata: &metadata,
        exec_env: &inputs.exec_env,
        name: &name,
        user_arguments: &user_arguments,
    };
    launch(&inputs, &request, &container).map_err(Failure::Launch)
}

fn read_metadata(layers_dir: &Path) -> Result<Metadata, ReadMetadataError> {
    let path = layers_dir.join("config/metadata.toml");
    let text = fs::read_to_string(&path).map_err(ReadMetadataError::Read)?;
    Metadata::from_toml(&text).map_err(|source| ReadMetadataError::Parse { path, source })
}

fn launch(inputs: &Inputs, request: &Request<'_>, container: &Environment) -> Result<Infallible, LaunchError> {
    let selection = selection::select(request).map_err(LaunchError::Select)?;
    let process_type = selection.process_type.as_deref();

    // Before the directory changes: both may be given relative to the present one.
    let absolute = |path: &Path| path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let (layers_dir, app_dir) = (absolute(&inputs.layers_dir), absolute(&inputs.app_dir));
    change_directory("app", &app_dir)?;

    let layers = layers::find(&layers_dir, &request.metadata.buildpacks).map_err(LaunchError::FindLayers)?;
    let mut environment = base_environment(container);
    modify_environment(&mut environment, &layers, process_type)?;
    for program in collect(&layers, |layer| layers::exec_d(layer, process_type))? {
        exec_d::run(&program, &mut environment).map_err(LaunchError::ExecD)?;
    }
    let start = if selection.is_direct {
        direct::plan(selection, environment, &app_dir, is_executable).map_err(LaunchError::Lookup)?
    } else {
        plan_shell(selection, environment, &app_dir, &layers, request.name)?
    };
    change_directory("working", &start.working_dir)?;
    let source = start.exec();
    Err(LaunchError::Exec { program: start.program, source })
}

fn modify_environment(
    environment: &mut Environment,
    layers: &[BuildpackLayers],
    process_type: Option<&str>,
) -> Result<(), LaunchError> {
    for buildpack in layers {
        let read: io::Result<Vec<_>> = buildpack.iter().map(|layer| layers::environment(layer, process_type)).collect();
        apply_buildpack(environment, &read.map_err(LaunchError::FindLayers)?)
            .map_err(LaunchError::ModifyEnvironment)?;
    }
    Ok(())
}

fn plan_shell(
    selection: Selection,
    environment: Environment,
    app_dir: &Path,
    layers: &[BuildpackLayers],
    name: &OsStr,
) -> Result<Start, LaunchError> {
    let mut profiles = collect(layers, |layer| layers::profiles(layer, selection.process_type.as_deref()))?;
    let app_profile = app_dir.join(".profile");
    if app_profile.exists() && !app_profile.is_dir() {
        profiles.push(app_profile);
    }
    Ok(shell::plan(selection, environment, &shell::Surroundings { app_dir, name, profiles: &profiles }))
}

/// What `read` finds in all layers, in order.
fn collect(
    layers: &[BuildpackLayers],
    read: impl Fn(&Path) -> io::Result<Vec<PathBuf>>,
) -> Result<Vec<PathBuf>, LaunchError> {
    let found: io::Result<Vec<_>> = layers.iter().flatten().map(|layer| read(layer)).collect();
    Ok(found.map_err(LaunchError::FindLayers)?.concat())
}

fn change_directory(what: &'static str, path: &Path) -> Result<(), LaunchError> {
    env::set_current_dir(path).map_err(|source| LaunchError::ChangeDirectory { what, path: path.to_owned(), source })
}

fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

impl Failure {
    /// The exit codes of the Platform interface specification, "launcher".
    fn exit_code(&self) -> u8 {
        match self {
            Self::PlatformApi(_) => 11,
            Self::BuildpackApi(_) => 12,
            Self::ReadMetadata(_) => 1,
            Self::Launch(_) => 82,
        }
    }
}

/// The error and its causes on one line, as far as they are one line themselves.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// Writes to standard error: standard output belongs to the process. A closed one is no reason not to start it.
fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
