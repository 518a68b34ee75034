//! `baler doctor`.

use std::process::ExitCode;

use baler_platform::doctor::{self, Finding, Level, Patient};
use serde_json::json;

use super::format::table;
use crate::arguments::{DoctorArguments, InspectFormat};
use crate::host::{self, Host};
use crate::output::Console;
use crate::report;

pub(crate) fn run(arguments: &DoctorArguments, console: &Console) -> anyhow::Result<ExitCode> {
    let host = Host::open();
    let variables = host::variables();
    let (caller, host_ids) = host::ids(&variables)?;
    let program = host::sandbox_program(&variables);
    let patient = Patient { store: host.as_ref().ok().map(Host::store), caller, host_ids, program, variables };
    let mut findings = doctor::examine(&patient);
    if let Err(error) = &host {
        findings.push(Finding::problem(
            "store",
            report::text(error),
            Some("set BALER_HOME to a directory of yours".to_owned()),
        ));
    }
    let can_build = findings.iter().all(|finding| finding.level < Level::Problem);
    match arguments.output {
        InspectFormat::Json => console.result(&serde_json::to_string_pretty(&value(&findings, can_build))?),
        InspectFormat::HumanReadable => text(&findings, can_build).iter().for_each(|line| console.result(line)),
    }
    Ok(if can_build { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn text(findings: &[Finding], can_build: bool) -> Vec<String> {
    let mut rows = Vec::new();
    for finding in findings {
        rows.push(vec![finding.level.name().to_owned(), finding.check.to_owned(), finding.text.clone()]);
        if let Some(remedy) = &finding.remedy {
            rows.push(vec![String::new(), String::new(), format!("-> {remedy}")]);
        }
    }
    let mut lines = table(&rows);
    lines.push(
        if can_build { "Builds can work." } else { "No build can work until the problems are solved." }.to_owned(),
    );
    lines
}

fn value(findings: &[Finding], can_build: bool) -> serde_json::Value {
    let checks = findings.iter().map(|finding| {
        json!({"check": finding.check, "level": finding.level.name(), "text": finding.text, "remedy": finding.remedy})
    });
    json!({"can_build": can_build, "checks": checks.collect::<Vec<_>>()})
}
