//! Which registry takes which credentials, and from where. Helpers are looked for and not asked; secrets are not shown.

use std::path::Path;

use baler_registry::{Keychain, KeychainContext, Known};

use super::{Finding, Patient};
use crate::output::chain;

const CHECK: &str = "credentials";
const NONE: &str = "none: registries are used without a login";

pub(super) fn check(patient: &Patient<'_>) -> Vec<Finding> {
    let variable = |name: &str| patient.variables.get(name).cloned();
    let home = patient.variable("HOME").map(Path::new);
    let search = patient.variable("PATH").map(|path| std::env::split_paths(path).collect()).unwrap_or_default();
    match Keychain::from_context(&KeychainContext { variable: &variable, home, search }) {
        Ok(keychain) => judge(&keychain.known()),
        Err(error) => vec![Finding::warning(
            CHECK,
            format!("no registry can be used: {}", chain(&error)),
            "mend the file or the variable, or remove it",
        )],
    }
}

/// One line each. What comes first is what is used.
fn judge(known: &[Known]) -> Vec<Finding> {
    if known.is_empty() {
        return vec![Finding::ok(CHECK, NONE)];
    }
    let finding = |known: &Known| {
        let registry = known.registry.as_deref().unwrap_or("all other registries");
        let text = format!("{registry}: {}", known.origin);
        match &known.problem {
            None => Finding::ok(CHECK, text),
            Some(error) => Finding::warning(
                CHECK,
                format!("{text} cannot be used: {}", chain(error)),
                "install the helper, or log in again",
            ),
        }
    };
    known.iter().map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    #[test]
    fn every_registry_has_its_line_and_no_secret() {
        let work = tempfile::tempdir().unwrap();
        let text = r#"{"auths": {"https://index.docker.io/v1/": {"auth": "aHViOnB3"}, "bad.example": {"auth": "%"}, "empty.example": {}},
            "credHelpers": {"help.example": "absent"}}"#;
        fs_err::write(work.path().join("config.json"), text).unwrap();
        let directory = work.path().display().to_string();
        let variable = |name: &str| match name {
            "DOCKER_CONFIG" => Some(directory.clone()),
            "CNB_REGISTRY_AUTH" => Some(r#"{"own.example": "Bearer s3cret"}"#.to_owned()),
            _ => None,
        };
        let context = KeychainContext { variable: &variable, home: None, search: Vec::new() };
        let findings = judge(&Keychain::from_context(&context).unwrap().known());
        let texts: Vec<_> = findings.iter().map(|finding| (finding.level, finding.text.as_str())).collect();
        assert_eq!(texts[0], (Level::Ok, "own.example: CNB_REGISTRY_AUTH"));
        assert_eq!(texts[1].0, Level::Warning);
        assert!(texts[1].1.starts_with("help.example: docker-credential-absent cannot be used"), "{texts:?}");
        assert!(texts[2].1.starts_with("bad.example: ") && texts[2].0 == Level::Warning, "{texts:?}");
        assert_eq!(texts[3], (Level::Ok, format!("index.docker.io: {directory}/config.json").as_str()));
        assert_eq!(texts.len(), 4);
        let all = format!("{findings:?}");
        assert!(!all.contains("s3cret") && !all.contains("aHViOnB3"), "{all}");
    }
}
