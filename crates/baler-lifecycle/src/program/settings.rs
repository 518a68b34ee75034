//! What a phase was told: by a flag, else by the environment, else by default.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use baler_cnb::api::PlatformApi;
use baler_cnb::environment::Environment;
use baler_cnb::process::DEFAULT_EXEC_ENV;

use super::failure::{Failure, code};
use super::flags::{Parsed, parse_boolean, parse_id};
use super::stdout_log::Level;

/// A setting: its flag, its variable, its default.
type Source = (&'static str, &'static str, &'static str);

/// What a phase was told.
pub struct Settings {
    pub platform_api: PlatformApi,
    pub parsed: Parsed,
    pub environment: Environment,
}

impl Settings {
    /// Settings from the flags and the environment of a call.
    pub fn new(platform_api: PlatformApi, parsed: Parsed, environment: Environment) -> Self {
        Self { platform_api, parsed, environment }
    }

    /// The value of a flag, else of a variable that is not empty.
    pub fn value(&self, flag: &str, variable: &str) -> Option<&OsStr> {
        let from_environment = || self.environment.get(variable).filter(|value| !value.is_empty());
        self.parsed.text(flag).or_else(from_environment)
    }

    /// A boolean setting. What is no boolean in the environment is false.
    pub fn boolean(&self, flag: &str, variable: &str) -> bool {
        let from_environment = || self.environment.get(variable).and_then(parse_boolean);
        self.parsed.boolean(flag).or_else(from_environment).unwrap_or(false)
    }

    /// A path as it was given. `<layers>` in a default stands for the layers directory.
    pub fn path(&self, (flag, variable, default): Source) -> PathBuf {
        let value = self.value(flag, variable).map(PathBuf::from);
        value.unwrap_or_else(|| match default.strip_prefix("<layers>/") {
            Some(rest) => self.layers_directory().join(rest),
            None => PathBuf::from(default),
        })
    }

    /// A directory, made absolute.
    pub fn directory(&self, source: Source) -> PathBuf {
        let path = self.path(source);
        std::path::absolute(&path).unwrap_or(path)
    }

    /// `-layers`.
    pub fn layers_directory(&self) -> PathBuf {
        self.directory(("layers", "CNB_LAYERS_DIR", "/layers"))
    }

    /// `-app`.
    pub fn app_directory(&self) -> PathBuf {
        self.directory(("app", "CNB_APP_DIR", "/workspace"))
    }

    /// `-platform`.
    pub fn platform_directory(&self) -> PathBuf {
        self.directory(("platform", "CNB_PLATFORM_DIR", "/platform"))
    }

    /// `-build-config`.
    pub fn build_config_directory(&self) -> PathBuf {
        self.directory(("build-config", "CNB_BUILD_CONFIG_DIR", "/cnb/build-config"))
    }

    /// `-buildpacks` and `-extensions`.
    pub fn module_store(&self) -> crate::module_store::ModuleStore {
        crate::module_store::ModuleStore {
            buildpacks: self.directory(("buildpacks", "CNB_BUILDPACKS_DIR", "/cnb/buildpacks")),
            extensions: self.directory(("extensions", "CNB_EXTENSIONS_DIR", "/cnb/extensions")),
        }
    }

    /// `-generated`.
    pub fn generated_directory(&self) -> PathBuf {
        self.directory(("generated", "CNB_GENERATED_DIR", "<layers>/generated"))
    }

    /// `-analyzed`.
    pub fn analyzed_path(&self) -> PathBuf {
        self.path(("analyzed", "CNB_ANALYZED_PATH", "<layers>/analyzed.toml"))
    }

    /// `-group`.
    pub fn group_path(&self) -> PathBuf {
        self.path(("group", "CNB_GROUP_PATH", "<layers>/group.toml"))
    }

    /// `-plan`.
    pub fn plan_path(&self) -> PathBuf {
        self.path(("plan", "CNB_PLAN_PATH", "<layers>/plan.toml"))
    }

    /// `-order`: in the layers directory if there is one.
    pub fn order_path(&self) -> PathBuf {
        let in_layers = self.layers_directory().join("order.toml");
        let default = if in_layers.exists() { in_layers } else { PathBuf::from("/cnb/order.toml") };
        self.value("order", "CNB_ORDER_PATH").map_or(default, PathBuf::from)
    }

    /// `-run`.
    pub fn run_path(&self) -> PathBuf {
        self.path(("run", "CNB_RUN_PATH", "/cnb/run.toml"))
    }

    /// `-stack`.
    pub fn stack_path(&self) -> PathBuf {
        self.path(("stack", "CNB_STACK_PATH", "/cnb/stack.toml"))
    }

    /// `-report`.
    pub fn report_path(&self) -> PathBuf {
        self.path(("report", "CNB_REPORT_PATH", "<layers>/report.toml"))
    }

    /// `-project-metadata`.
    pub fn project_metadata_path(&self) -> PathBuf {
        self.path(("project-metadata", "CNB_PROJECT_METADATA_PATH", "<layers>/project-metadata.toml"))
    }

    /// `-cache-dir`.
    pub fn cache_directory(&self) -> Option<PathBuf> {
        self.optional_directory("cache-dir", "CNB_CACHE_DIR")
    }

    /// `-launch-cache`.
    pub fn launch_cache_directory(&self) -> Option<PathBuf> {
        self.optional_directory("launch-cache", "CNB_LAUNCH_CACHE_DIR")
    }

    fn optional_directory(&self, flag: &str, variable: &str) -> Option<PathBuf> {
        let path = PathBuf::from(self.value(flag, variable).filter(|value| !value.is_empty())?);
        Some(std::path::absolute(&path).unwrap_or(path))
    }

    /// The value of a flag, else of a variable, as text.
    pub fn text(&self, flag: &str, variable: &str) -> Option<String> {
        let value = self.value(flag, variable).filter(|value| !value.is_empty());
        value.map(|value| value.to_string_lossy().into_owned())
    }

    /// `-uid`, `-gid`: 0 unless told otherwise. What is no number in the environment is 0 too.
    pub fn id(&self, flag: &'static str, variable: &str) -> u32 {
        let decimal = |value: &OsStr| value.to_str().and_then(|text| text.parse().ok());
        let from_environment = || self.environment.get(variable).and_then(decimal);
        self.parsed.text(flag).and_then(parse_id).or_else(from_environment).unwrap_or(0)
    }

    /// `SOURCE_DATE_EPOCH` in seconds, where the Platform API has it and it is a number.
    pub fn source_date_epoch(&self) -> Option<Result<i64, String>> {
        let features = baler_cnb::features::PlatformFeatures::for_api(self.platform_api);
        let value = self.environment.get("SOURCE_DATE_EPOCH").filter(|_| features.source_date_epoch)?;
        let text = value.to_string_lossy().into_owned();
        Some(text.parse().map_err(|_| text))
    }

    /// The one image that a phase is given.
    pub fn only_image(&self) -> Result<String, Failure> {
        match self.parsed.positionals.as_slice() {
            [image] => Ok(image.to_string_lossy().into_owned()),
            words => {
                Err(Failure::arguments(format!("received {} arguments, but expected 1", words.len()))
                    .to("parse arguments"))
            }
        }
    }

    /// The images that a phase is given.
    pub fn images(&self) -> Result<Vec<String>, Failure> {
        let images: Vec<_> = self.parsed.positionals.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        if images.is_empty() {
            return Err(Failure::arguments("at least one image argument is required").to("parse arguments"));
        }
        Ok(images)
    }

    /// Words after the flags that look like flags.
    pub fn late_flags(&self) -> impl Iterator<Item = Cow<'_, str>> {
        self.parsed.positionals.iter().map(|word| word.to_string_lossy()).filter(|word| word.starts_with('-'))
    }

    /// `-system`.
    pub fn system_path(&self) -> PathBuf {
        self.path(("system", "CNB_SYSTEM_PATH", "/cnb/system.toml"))
    }

    /// `CNB_EXEC_ENV`.
    pub fn exec_env(&self) -> String {
        let value = self.environment.get("CNB_EXEC_ENV").filter(|value| !value.is_empty());
        value.map_or_else(|| DEFAULT_EXEC_ENV.to_owned(), |value| value.to_string_lossy().into_owned())
    }

    /// Where short-lived files may be made.
    pub fn temporary_directory(&self) -> PathBuf {
        let value = self.environment.get("TMPDIR").filter(|value| !value.is_empty());
        value.map_or_else(|| PathBuf::from("/tmp"), |value| Path::new(value).to_owned())
    }

    /// `-log-level`.
    pub fn log_level(&self) -> Result<Level, Failure> {
        let value = self.value("log-level", "CNB_LOG_LEVEL").unwrap_or(OsStr::new("info"));
        value.to_str().and_then(Level::parse).ok_or_else(|| {
            Failure::new(code::FAILED, format!("failed to parse log level: {:?}", value.to_string_lossy()))
        })
    }

    /// Refuses words after the flags, which most phases do not take.
    pub fn refuse_positionals(&self) -> Result<(), Failure> {
        let words: Vec<_> = self.parsed.positionals.iter().map(|word| word.to_string_lossy()).collect();
        if words.is_empty() {
            return Ok(());
        }
        Err(Failure::arguments(format!("received unexpected arguments: {}", words.join(" "))).to("parse arguments"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::flags::{Flag, FlagSet};

    fn settings(arguments: &[&str], environment: &[(&str, &str)]) -> Settings {
        let flags = ["layers", "group", "app", "log-level"].map(|name| Flag::text(name, "")).to_vec();
        let arguments: Vec<_> = arguments.iter().map(std::ffi::OsString::from).collect();
        let parsed = FlagSet { program: "p", flags }.parse(&arguments).unwrap();
        Settings::new(PlatformApi::LATEST, parsed, environment.iter().copied().collect())
    }

    #[test]
    fn a_flag_goes_before_a_variable_before_the_default() {
        let nothing = settings(&[], &[]);
        assert_eq!(nothing.app_directory(), Path::new("/workspace"));
        assert_eq!(nothing.group_path(), Path::new("/layers/group.toml"));
        let variable = settings(&[], &[("CNB_APP_DIR", "/app"), ("CNB_LAYERS_DIR", "/l"), ("CNB_PLAN_PATH", "")]);
        assert_eq!(variable.app_directory(), Path::new("/app"));
        assert_eq!(variable.plan_path(), Path::new("/l/plan.toml"));
        let flag = settings(&["-app", "/flag", "-group", "g"], &[("CNB_APP_DIR", "/app")]);
        assert_eq!(flag.app_directory(), Path::new("/flag"));
        assert_eq!(flag.group_path(), Path::new("g"));
        assert!(settings(&["-app", "relative"], &[]).app_directory().is_absolute());
    }

    #[test]
    fn an_unknown_log_level_is_refused() {
        let failure = settings(&["-log-level", "loud"], &[]).log_level().unwrap_err();
        assert_eq!((failure.code(), failure.text().as_str()), (1, "failed to parse log level: \"loud\""));
        assert_eq!(settings(&[], &[("CNB_LOG_LEVEL", "debug")]).log_level().unwrap(), Level::Debug);
    }
}
