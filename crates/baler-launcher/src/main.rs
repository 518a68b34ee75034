//! The launcher: reads what the image can start, decides, and becomes that process.

use std::convert::Infallible;
use std::env;
use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::{self, Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use baler_cnb::environment::Environment;
use baler_cnb::features::PlatformFeatures;
use baler_cnb::metadata::Metadata;
use baler_launcher::environment::{apply_buildpack, base_environment};
use baler_launcher::failure::{Failure, LaunchError, ReadMetadataError};
use baler_launcher::inputs::Inputs;
use baler_launcher::layers::BuildpackLayers;
use baler_launcher::selection::Request;
use baler_launcher::shell::Surroundings;
use baler_launcher::{direct, exec_d, layers, selection, shell};
use fs_err as fs;
use nix::unistd::{AccessFlags, eaccess};
use signal_hook::consts::SIGTERM;
use signal_hook::flag::register_conditional_shutdown;

fn main() -> ExitCode {
    match run() {
        Ok(never) => match never {},
        Err(failure) => {
            say(&format!("ERROR: {}", failure.on_one_line()));
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
    let programs = collect(&layers, |layer| layers::exec_d(layer, process_type))?;
    if !programs.is_empty() {
        end_when_asked()?;
    }
    for program in programs {
        exec_d::run(&program, &mut environment).map_err(LaunchError::ExecD)?;
    }
    let start = if selection.is_direct {
        direct::plan(selection, environment, &app_dir, is_executable).map_err(LaunchError::Lookup)?
    } else {
        let profiles = find_profiles(&layers, &app_dir, process_type)?;
        let surroundings = Surroundings { app_dir: &app_dir, name: request.name, profiles: &profiles };
        shell::plan(selection, environment, &surroundings)
    };
    change_directory("working", &start.working_dir)?;
    let source = start.exec();
    Err(LaunchError::Exec { program: start.program, source })
}

/// Lets SIGTERM end the launcher, which as process 1 of a container would otherwise not notice it, while programs of the
/// layers run. The process that it becomes has what every process begins with.
fn end_when_asked() -> Result<(), LaunchError> {
    let always = Arc::new(AtomicBool::new(true));
    register_conditional_shutdown(SIGTERM, 128 + SIGTERM, always).map(drop).map_err(LaunchError::Signals)
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

/// The scripts that the shell sources: those of the layers, then the app's own.
fn find_profiles(
    layers: &[BuildpackLayers],
    app_dir: &Path,
    process_type: Option<&str>,
) -> Result<Vec<PathBuf>, LaunchError> {
    if !is_executable(Path::new(shell::BASH)) {
        return Err(LaunchError::NoShell);
    }
    let mut profiles = collect(layers, |layer| layers::profiles(layer, process_type))?;
    let own = app_dir.join(".profile");
    profiles.extend(Some(own).filter(|path| path.exists() && !path.is_dir()));
    Ok(profiles)
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
    path.is_file() && eaccess(path, AccessFlags::X_OK).is_ok()
}

/// Writes to standard error: standard output belongs to the process. A closed one is no reason not to start it.
fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
