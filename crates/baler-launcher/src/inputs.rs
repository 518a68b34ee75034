//! What the launcher is told by its environment variables. It has no flags: every argument belongs to the process.

use std::path::PathBuf;

use baler_cnb::api::{PlatformApi, PlatformApiError};
use baler_cnb::environment::Environment;
use baler_cnb::process::DEFAULT_EXEC_ENV;

/// The variables that say where things are and which rules apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inputs {
    /// `CNB_PLATFORM_API`; without a default.
    pub platform_api: PlatformApi,
    /// `CNB_LAYERS_DIR`, else `/layers`.
    pub layers_dir: PathBuf,
    /// `CNB_APP_DIR`, else `/workspace`.
    pub app_dir: PathBuf,
    /// `CNB_EXEC_ENV`, else `production`.
    pub exec_env: String,
    /// What the user should be told about variables that have no effect.
    pub warnings: Vec<String>,
}

impl Inputs {
    /// Reads the inputs; an empty variable counts as unset.
    pub fn from_environment(environment: &Environment) -> Result<Self, PlatformApiError> {
        let variable = |name: &str| environment.get(name).filter(|value| !value.is_empty());
        let text = |name: &str| variable(name).map(|value| value.to_string_lossy().into_owned());
        let directory = |name: &str, default: &str| variable(name).map_or_else(|| default.into(), PathBuf::from);
        let platform_api = PlatformApi::from_variable(text("CNB_PLATFORM_API").as_deref())?;
        Ok(Self {
            platform_api,
            layers_dir: directory("CNB_LAYERS_DIR", "/layers"),
            app_dir: directory("CNB_APP_DIR", "/workspace"),
            exec_env: text("CNB_EXEC_ENV").unwrap_or_else(|| DEFAULT_EXEC_ENV.to_owned()),
            warnings: text("CNB_PROCESS_TYPE")
                .map(|process_type| process_type_warnings(platform_api, &process_type))
                .unwrap_or_default(),
        })
    }
}

/// Old platforms chose the process with a variable. Users who still do must learn why it is not heeded.
fn process_type_warnings(platform_api: PlatformApi, process_type: &str) -> Vec<String> {
    vec![
        format!("CNB_PROCESS_TYPE is not supported in Platform API {platform_api}"),
        format!("Run with ENTRYPOINT '{process_type}' to invoke the '{process_type}' process type"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Inputs, PlatformApiError> {
        Inputs::from_environment(&variables.iter().copied().collect())
    }

    #[test]
    fn has_defaults_for_all_but_the_api() {
        let inputs = read(&[("CNB_PLATFORM_API", "0.12"), ("CNB_APP_DIR", "")]).unwrap();
        assert_eq!(inputs.layers_dir, PathBuf::from("/layers"));
        assert_eq!(inputs.app_dir, PathBuf::from("/workspace"));
        assert_eq!(inputs.exec_env, "production");
        assert_eq!(inputs.warnings, [""; 0]);
        assert_eq!(read(&[]), Err(PlatformApiError::Missing));
        assert!(matches!(read(&[("CNB_PLATFORM_API", "0.3")]), Err(PlatformApiError::Unsupported(_))));
    }

    #[test]
    fn takes_variables() {
        let variables =
            [("CNB_PLATFORM_API", "0.15"), ("CNB_LAYERS_DIR", "/l"), ("CNB_APP_DIR", "/a"), ("CNB_EXEC_ENV", "test")];
        let inputs = read(&variables).unwrap();
        assert_eq!((inputs.layers_dir, inputs.app_dir), (PathBuf::from("/l"), PathBuf::from("/a")));
        assert_eq!(inputs.exec_env, "test");
    }

    #[test]
    fn says_that_the_process_type_is_no_variable() {
        let inputs = read(&[("CNB_PLATFORM_API", "0.12"), ("CNB_PROCESS_TYPE", "task")]).unwrap();
        assert_eq!(
            inputs.warnings,
            [
                "CNB_PROCESS_TYPE is not supported in Platform API 0.12",
                "Run with ENTRYPOINT 'task' to invoke the 'task' process type",
            ]
        );
    }
}
