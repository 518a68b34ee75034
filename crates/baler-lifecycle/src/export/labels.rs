//! The labels of the app image, in the order in which they are set: a buildpack's may replace those before it.

use baler_cnb::features::PlatformFeatures;
use baler_cnb::labels::{
    BUILD_METADATA, BuildLabel, BuildLabelBuildpack, BuildLabelCommand, BuildLabelLauncher, BuildLabelProcess,
    EXEC_ENV, LIFECYCLE_METADATA, LauncherGit, LauncherSource, LifecycleMetadata, PROJECT_METADATA, encode,
};
use baler_cnb::metadata::{GroupModule, LegacyBom, Metadata};
use baler_cnb::process::Process;
use baler_cnb::project_metadata::ProjectMetadata;

use super::{ExportError, Launcher};

/// What labels say beside layers and processes.
pub(crate) struct LabelInputs<'a> {
    pub(crate) launcher: Launcher<'a>,
    pub(crate) project: &'a ProjectMetadata,
    pub(crate) exec_env: &'a str,
    /// Platform API < 0.9.
    pub(crate) legacy_bom: Option<&'a LegacyBom>,
}

/// Names and values.
pub(crate) fn labels(
    lifecycle: &LifecycleMetadata,
    metadata: &Metadata,
    features: PlatformFeatures,
    inputs: &LabelInputs<'_>,
) -> Result<Vec<(String, String)>, ExportError> {
    let failed = |label| move |source| ExportError::Label { label, source };
    let build = build_label(metadata, inputs.legacy_bom, features, &inputs.launcher);
    let mut labels = vec![
        (LIFECYCLE_METADATA.to_owned(), encode(lifecycle).map_err(failed(LIFECYCLE_METADATA))?),
        (BUILD_METADATA.to_owned(), encode(&build).map_err(failed(BUILD_METADATA))?),
        (PROJECT_METADATA.to_owned(), encode(inputs.project).map_err(failed(PROJECT_METADATA))?),
    ];
    labels.extend(metadata.labels.iter().map(|label| (label.key.clone(), label.value.clone())));
    if features.exec_env {
        labels.push((EXEC_ENV.to_owned(), inputs.exec_env.to_owned()));
    }
    Ok(labels)
}

fn build_label(
    metadata: &Metadata,
    legacy_bom: Option<&LegacyBom>,
    features: PlatformFeatures,
    launcher: &Launcher<'_>,
) -> BuildLabel {
    let modules = |modules: &[GroupModule]| modules.iter().map(module).collect();
    let git = LauncherGit { repository: launcher.repository.to_owned(), commit: launcher.commit.to_owned() };
    BuildLabel {
        bom: legacy_bom.map(|legacy| legacy.bom.iter().cloned().map(Into::into).collect()),
        buildpacks: modules(&metadata.buildpacks),
        extensions: modules(&metadata.extensions),
        launcher: BuildLabelLauncher { version: launcher.version.to_owned(), source: LauncherSource { git } },
        processes: metadata.processes.iter().map(|entry| process(entry, features)).collect(),
        default_process_type: metadata.buildpack_default_process_type.clone(),
    }
}

fn module(module: &GroupModule) -> BuildLabelBuildpack {
    let GroupModule { id, version, homepage, .. } = module.clone();
    BuildLabelBuildpack { id, version, homepage }
}

/// Before Platform API 0.10 a command is a string, what follows its first word is an argument, and arguments are never
/// null.
fn process(process: &Process, features: PlatformFeatures) -> BuildLabelProcess {
    let (command, args) = if features.command_is_array {
        let args = (!process.args.is_empty()).then(|| process.args.clone());
        (BuildLabelCommand::List(process.command.clone()), args)
    } else {
        let (first, others) = process.command.split_first().map_or((String::new(), &[][..]), |(f, o)| (f.clone(), o));
        (BuildLabelCommand::Text(first), Some([others, &process.args].concat()))
    };
    BuildLabelProcess {
        process_type: process.process_type.clone(),
        command,
        args,
        direct: process.direct,
        buildpack_id: process.buildpack_id.clone(),
        working_dir: process.working_dir.clone(),
        exec_env: process.exec_env.clone(),
    }
}

#[cfg(test)]
mod tests {
    use baler_cnb::api::PlatformApi;

    use super::*;

    fn made(api: &str, text: &str) -> Vec<(String, String)> {
        let launcher = Launcher { bytes: b"", version: "1", repository: "r", commit: "c" };
        let features = PlatformFeatures::for_api(api.parse::<PlatformApi>().unwrap());
        let bom = LegacyBom::default();
        let legacy_bom = (!features.legacy_bom_files).then_some(&bom);
        let inputs = LabelInputs { launcher, project: &ProjectMetadata::default(), exec_env: "production", legacy_bom };
        labels(&LifecycleMetadata::default(), &Metadata::from_toml(text).unwrap(), features, &inputs).unwrap()
    }

    #[test]
    fn labels_are_set_in_order() {
        let text = "[[labels]]\nkey = \"k\"\nvalue = \"1\"\n[[labels]]\nkey = \"k\"\nvalue = \"2\"\n";
        let names = |api| made(api, text).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        let own = [LIFECYCLE_METADATA, BUILD_METADATA, PROJECT_METADATA, "k", "k"];
        assert_eq!(names("0.14"), own);
        assert_eq!(names("0.15")[5], EXEC_ENV);
        assert_eq!(made("0.15", text)[2].1, "{}");
    }

    #[test]
    fn commands_have_the_form_of_the_api() {
        let text = "[[processes]]\ntype = \"web\"\ncommand = [\"sh\", \"-c\"]\ndirect = true\nbuildpack-id = \"a\"\n";
        let launcher = r#""launcher":{"version":"1","source":{"git":{"repository":"r","commit":"c"}}}"#;
        let expected = |bom, command, args| {
            format!(
                r#"{{{bom}"buildpacks":null,{launcher},"processes":[{{"type":"web","command":{command},"args":{args},"direct":true,"buildpackID":"a"}}]}}"#
            )
        };
        assert_eq!(made("0.10", text)[1].1, expected("", r#"["sh","-c"]"#, "null"));
        assert_eq!(made("0.9", text)[1].1, expected("", r#""sh""#, r#"["-c"]"#));
        assert_eq!(made("0.8", text)[1].1, expected(r#""bom":null,"#, r#""sh""#, r#"["-c"]"#));
    }
}
