//! What a build is asked for by flags and by the application's project.toml together: flags go before the file.

use std::path::Path;

use anyhow::Context as _;
use baler_platform::build::{BuildpackRequest, RequestedModule};
use baler_platform::output::{Level, Output as _};
use baler_platform::project::{Project, ProjectBuildpack};

use crate::arguments::BuildArguments;
use crate::output::Console;

/// The project.toml that `--descriptor` names, or the one in the application's directory, if there is one.
pub(super) fn read(arguments: &BuildArguments, console: &Console) -> anyhow::Result<Option<Project>> {
    let found = arguments.path.join("project.toml");
    let path = match &arguments.descriptor {
        Some(path) => path,
        None if found.is_file() => &found,
        None => return Ok(None),
    };
    console.line(Level::Debug, &format!("Using project descriptor located at '{}'", path.display()));
    let project = Project::read(path, &arguments.exec_env)?;
    for warning in &project.warnings {
        console.line(Level::Warning, warning);
    }
    Ok(Some(project))
}

/// The modules of the build. `--buildpack` replaces those of the file; a file's paths are relative to it.
pub(super) fn modules(arguments: &BuildArguments, project: Option<&Project>) -> anyhow::Result<BuildpackRequest> {
    let current = std::env::current_dir().context("could not find the current directory")?;
    let of_flags = |texts: &[String]| -> Vec<RequestedModule> {
        texts.iter().map(|text| RequestedModule::Locator { text: text.clone(), base: current.clone() }).collect()
    };
    let file = arguments.descriptor.clone().unwrap_or_else(|| arguments.path.join("project.toml"));
    let base = current.join(file.parent().unwrap_or(Path::new("")));
    let of_file = |entries: fn(&Project) -> &[ProjectBuildpack]| -> Vec<RequestedModule> {
        let entries = project.map(entries).unwrap_or_default().iter();
        let wish = |entry: &ProjectBuildpack| match entry {
            ProjectBuildpack::Locator(text) => RequestedModule::Locator { text: text.clone(), base: base.clone() },
            ProjectBuildpack::Inline(inline) => RequestedModule::Inline(inline.clone()),
        };
        entries.map(wish).collect()
    };
    let first = |flags: Vec<RequestedModule>, entries| if flags.is_empty() { of_file(entries) } else { flags };
    Ok(BuildpackRequest {
        only: first(of_flags(&arguments.buildpack), |project| &project.buildpacks),
        before: first(of_flags(&arguments.pre_buildpack), |project| &project.before),
        after: first(of_flags(&arguments.post_buildpack), |project| &project.after),
        without_system: arguments.disable_system_buildpacks,
        extensions: of_flags(&arguments.extension),
    })
}
