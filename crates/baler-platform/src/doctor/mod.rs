//! `baler doctor`: whether builds can work on this machine, and what to do where they cannot.
//!
//! One file per check. What can be tried is tried: a sandbox is made as builds make it, on the store's file system.
//! Of credentials is said whose they are and where they come from, and never what they are.

mod certificates;
mod credentials;
mod daemons;
mod disk;
mod ids;
mod in_place;
mod kernel;
mod limits;
mod namespaces;
mod overlay;

use std::collections::BTreeMap;

use baler_sandbox::{HostIds, IdMap, Identity, SandboxProgram};
use baler_store::Store;

use crate::trial::{BUILD_USER, Trial};

/// How a finding bears on builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As it should be.
    Ok,
    /// Builds work, with a limitation.
    Warning,
    /// No build can work.
    Problem,
}

impl Level {
    /// The word in listings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The name of the check.
    pub check: &'static str,
    pub level: Level,
    /// What is so.
    pub text: String,
    /// What a person can do.
    pub remedy: Option<String>,
}

impl Finding {
    fn ok(check: &'static str, text: impl Into<String>) -> Self {
        Self { check, level: Level::Ok, text: text.into(), remedy: None }
    }

    fn warning(check: &'static str, text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { check, level: Level::Warning, text: text.into(), remedy: Some(remedy.into()) }
    }

    /// A problem of which the text says it all, or to which `remedy` is known.
    pub fn problem(check: &'static str, text: impl Into<String>, remedy: Option<String>) -> Self {
        Self { check, level: Level::Problem, text: text.into(), remedy }
    }
}

/// What is examined.
pub struct Patient<'a> {
    /// `None` if it could not be opened, which the caller reports.
    pub store: Option<&'a Store>,
    pub caller: Identity,
    pub host_ids: HostIds,
    /// The program that is started again as sandbox helper.
    pub program: SandboxProgram,
    /// The environment of the process.
    pub variables: BTreeMap<String, String>,
}

impl Patient<'_> {
    fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    fn id_map(&self) -> IdMap {
        IdMap::choose(&self.caller, BUILD_USER, &self.host_ids)
    }
}

/// Makes all checks.
pub fn examine(patient: &Patient<'_>) -> Vec<Finding> {
    let trial = patient.store.map(|store| Trial::run(&patient.program, &patient.id_map(), store));
    let mut findings = kernel::check();
    findings.extend(namespaces::check(trial.as_ref()));
    findings.extend(ids::check(patient, trial.as_ref()));
    findings.extend(overlay::check(patient, trial.as_ref()));
    findings.extend(limits::check(trial.as_ref()));
    findings.extend(disk::check(patient));
    findings.extend(certificates::check(patient));
    findings.extend(credentials::check(patient));
    findings.extend(daemons::check(patient));
    in_place::mitigate(patient, trial.as_ref(), &mut findings);
    findings
}
