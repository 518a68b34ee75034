//! The image config (lifecycle, "Image config"): the run image's, with the app's environment, entry point and history.

use baler_cnb::features::PlatformFeatures;
use baler_cnb::metadata::Metadata;
use baler_image::{Digest, History, ImageConfig};

use super::ExportError;
use super::content::LAUNCHER;

/// What the config needs beside labels and layers.
pub(crate) struct ConfigInputs<'a> {
    /// Paths in the image.
    pub(crate) layers: String,
    pub(crate) app: String,
    pub(crate) platform_api: String,
    /// What the user chose.
    pub(crate) default_process_type: Option<&'a str>,
    /// As RFC 3339 has it.
    pub(crate) created: String,
}

/// A layer above the run image's.
pub(crate) struct AddedLayer<'a> {
    pub(crate) diff_id: &'a Digest,
    pub(crate) created_by: &'a str,
}

/// The process that starts by default: the user's choice, which must exist, else the buildpacks'.
pub(crate) fn default_process_type(metadata: &Metadata, chosen: Option<&str>) -> Result<Option<String>, ExportError> {
    match chosen.filter(|chosen| !chosen.is_empty()) {
        Some(chosen) if metadata.processes.iter().any(|process| process.process_type == chosen) => {
            Ok(Some(chosen.to_owned()))
        }
        Some(chosen) => Err(ExportError::NoSuchProcess { process_type: chosen.to_owned() }),
        None => {
            let default = &metadata.buildpack_default_process_type;
            Ok((!default.is_empty()).then(|| default.clone()))
        }
    }
}

/// The config of the app image.
pub(crate) fn image_config(
    base: &ImageConfig,
    added: &[AddedLayer<'_>],
    labels: &[(String, String)],
    default_process_type: Option<&str>,
    inputs: &ConfigInputs<'_>,
    features: PlatformFeatures,
) -> ImageConfig {
    let mut config = base.clone();
    config.created = Some(inputs.created.clone());
    config.history = history(base, added, &inputs.created, features);
    "layers".clone_into(&mut config.rootfs.kind);
    config.rootfs.diff_ids.extend(added.iter().map(|layer| layer.diff_id.clone()));
    // Ids of the containers that the base was made in.
    config.extra.remove("container");

    config.set_variable("CNB_LAYERS_DIR", &inputs.layers);
    config.set_variable("CNB_APP_DIR", &inputs.app);
    config.set_variable("CNB_PLATFORM_API", &inputs.platform_api);
    config.set_variable("CNB_DEPRECATION_MODE", "quiet");
    let path = match base.variable("PATH") {
        Some(path) if !path.is_empty() => format!("/cnb/process:/cnb/lifecycle:{path}"),
        Some(_) | None => "/cnb/process:/cnb/lifecycle".to_owned(),
    };
    config.set_variable("PATH", &path);

    let entrypoint =
        default_process_type.map_or_else(|| LAUNCHER.to_owned(), |process_type| format!("/cnb/process/{process_type}"));
    config.config.entrypoint = Some(vec![entrypoint]);
    config.config.cmd = None;
    config.config.working_dir.clone_from(&inputs.app);
    config.config.labels.extend(labels.iter().cloned());
    config
}

/// One entry for each layer. Those of the base are blank where its own do not match its layers, or where the Platform
/// API has no history.
fn history(base: &ImageConfig, added: &[AddedLayer<'_>], created: &str, features: PlatformFeatures) -> Vec<History> {
    let of_layers: Vec<_> = base.history.iter().filter(|entry| !entry.empty_layer).collect();
    let count = base.rootfs.diff_ids.len();
    let blank = || History { created: Some(created.to_owned()), ..History::default() };
    if !features.image_history {
        return (0..count + added.len()).map(|_| blank()).collect();
    }
    let mut history: Vec<_> = if of_layers.len() == count {
        of_layers.into_iter().map(|entry| History { created: Some(created.to_owned()), ..entry.clone() }).collect()
    } else {
        (0..count).map(|_| blank()).collect()
    };
    history.extend(added.iter().map(|layer| History { created_by: Some(layer.created_by.to_owned()), ..blank() }));
    history
}

#[cfg(test)]
mod tests {
    use baler_cnb::api::PlatformApi;

    use super::*;

    fn base(history: &str, env: &str) -> ImageConfig {
        let text = format!(
            r#"{{"architecture":"amd64","os":"linux","container":"x","docker_version":"1","history":{history},
            "rootfs":{{"type":"layers","diff_ids":["{}"]}},"config":{{"Env":{env},"Cmd":["sh"],"User":"1","Labels":{{"a":"1"}}}}}}"#,
            Digest::of(b"base")
        );
        serde_json::from_str(&text).unwrap()
    }

    fn made(base: &ImageConfig, process: Option<&str>, api: &str) -> ImageConfig {
        let inputs = ConfigInputs {
            layers: "/layers".into(),
            app: "/workspace".into(),
            platform_api: api.into(),
            default_process_type: None,
            created: "1980-01-01T00:00:01Z".into(),
        };
        let diff_id = Digest::of(b"app");
        let added = [AddedLayer { diff_id: &diff_id, created_by: "Application Layer" }];
        let features = PlatformFeatures::for_api(api.parse::<PlatformApi>().unwrap());
        image_config(base, &added, &[("a".into(), "2".into())], process, &inputs, features)
    }

    #[test]
    fn the_base_stays_where_the_app_says_nothing() {
        let config = made(&base("[]", r#"["PATH=/bin=x","A=1"]"#), Some("web"), "0.15");
        let expected =
            ["PATH=/cnb/process:/cnb/lifecycle:/bin=x", "A=1", "CNB_LAYERS_DIR=/layers", "CNB_APP_DIR=/workspace"];
        assert_eq!(config.config.env[..4], expected);
        assert_eq!(config.config.env[4..], ["CNB_PLATFORM_API=0.15", "CNB_DEPRECATION_MODE=quiet"]);
        assert_eq!(config.config.entrypoint.as_deref(), Some(&["/cnb/process/web".to_owned()][..]));
        assert_eq!((config.config.cmd, config.config.user.as_str()), (None, "1"));
        assert_eq!(config.config.working_dir, "/workspace");
        assert_eq!(config.config.labels["a"], "2");
        assert_eq!(config.extra.keys().collect::<Vec<_>>(), ["docker_version"]);
        assert_eq!(config.rootfs.diff_ids, [Digest::of(b"base"), Digest::of(b"app")]);
    }

    #[test]
    fn without_a_path_there_is_none_of_the_working_directory() {
        let config = made(&base("[]", "[]"), None, "0.15");
        assert_eq!(config.variable("PATH"), Some("/cnb/process:/cnb/lifecycle"));
        assert_eq!(config.config.entrypoint.as_deref(), Some(&["/cnb/lifecycle/launcher".to_owned()][..]));
    }

    #[test]
    fn history_matches_layers() {
        let texts = |history: &str, api: &str| -> Vec<Option<String>> {
            made(&base(history, "[]"), None, api).history.into_iter().map(|entry| entry.created_by).collect()
        };
        let matching = r#"[{"created_by":"RUN","created":"2020-01-01T00:00:00Z"},{"empty_layer":true}]"#;
        assert_eq!(texts(matching, "0.12"), [Some("RUN".into()), Some("Application Layer".into())]);
        assert_eq!(texts("[]", "0.12"), [None, Some("Application Layer".into())]);
        assert_eq!(texts(matching, "0.11"), [None, None]);
        let config = made(&base(matching, "[]"), None, "0.12");
        assert!(config.history.iter().all(|entry| entry.created.as_deref() == Some("1980-01-01T00:00:01Z")));
    }

    #[test]
    fn the_user_chooses_among_what_there_is() {
        let text =
            "buildpack-default-process-type = \"web\"\n[[processes]]\ntype = \"web\"\n[[processes]]\ntype = \"x\"\n";
        let metadata = Metadata::from_toml(text).unwrap();
        assert_eq!(default_process_type(&metadata, None).unwrap().as_deref(), Some("web"));
        assert_eq!(default_process_type(&metadata, Some("")).unwrap().as_deref(), Some("web"));
        assert_eq!(default_process_type(&metadata, Some("x")).unwrap().as_deref(), Some("x"));
        let error = default_process_type(&metadata, Some("y")).unwrap_err();
        assert_eq!(error.to_string(), "tried to set y to default but it doesn't exist");
    }
}
