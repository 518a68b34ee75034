//! Whether namespaces can be made, and all that a sandbox needs in them.

use baler_sandbox::{SandboxError, Step};

use super::{Finding, ids, overlay};
use crate::trial::Trial;

const CHECK: &str = "sandbox";

pub(super) fn check(trial: Option<&Trial>) -> Vec<Finding> {
    let finding = match trial {
        None => return Vec::new(),
        Some(Trial::Worked) => Finding::ok(CHECK, "one was made, as builds make it"),
        Some(Trial::NoPlace(text)) => Finding::problem(CHECK, text, None),
        // These have checks of their own.
        Some(Trial::Failed(error)) if ids::is_mine(error) || overlay::is_mine(error) => return Vec::new(),
        Some(Trial::Failed(error)) => Finding::problem(CHECK, said(error), remedy(error)),
    };
    vec![finding]
}

/// The error and its causes on one line.
pub(super) fn said(error: &SandboxError) -> String {
    let mut text = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

fn remedy(error: &SandboxError) -> Option<String> {
    match error {
        SandboxError::NoNamespaces { refusal, .. } => Some(refusal.remedy().to_owned()),
        SandboxError::Setup { step: Step::MountProc, .. } => {
            Some("in a container, start it with `--security-opt systempaths=unconfined`".to_owned())
        }
        _ => None,
    }
}
