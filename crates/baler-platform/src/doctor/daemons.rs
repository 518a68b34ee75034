//! Docker and Podman: who answers, and how images are kept there. Neither is needed.

use baler_daemon::{Address, AddressError, Daemon, DaemonError, Surroundings, find_address};
use baler_image::Engine;

use super::{Finding, Patient};
use crate::output::chain;

const CHECK: &str = "daemons";

pub(super) fn check(patient: &Patient<'_>) -> Vec<Finding> {
    let variable = |name: &str| patient.variable(name).map(str::to_owned);
    let surroundings = Surroundings { variable: &variable, uid: patient.caller.uid };
    let mut asked: Vec<Address> = Vec::new();
    let mut findings = Vec::new();
    for (engine, named_by) in [(Engine::Docker, "DOCKER_HOST"), (Engine::Podman, "CONTAINER_HOST")] {
        match find_address(engine, None, &surroundings) {
            Ok(address) if asked.contains(&address) => {}
            Ok(address) => {
                findings.extend(ask(&address, variable(named_by).is_some()));
                asked.push(address);
            }
            Err(error) => findings.push(refused(&error)),
        }
    }
    if findings.is_empty() {
        findings.push(Finding::ok(CHECK, "none, and none is needed"));
    }
    findings
}

/// Nothing is said of one that is not there and that nobody has named.
fn ask(address: &Address, is_named: bool) -> Option<Finding> {
    match Daemon::open(address) {
        Ok(daemon) => {
            let (version, api, store) = (daemon.version(), daemon.api_version(), daemon.image_store());
            let text = match daemon.engine() {
                Engine::Docker => format!("Docker {version} at {address} (API {api}, {store})"),
                Engine::Podman => format!("Podman {version} at {address} (API {api})"),
            };
            Some(Finding::ok(CHECK, text))
        }
        Err(DaemonError::Absent { .. }) if !is_named => None,
        Err(error @ DaemonError::Absent { .. }) => {
            Some(Finding::warning(CHECK, error.to_string(), "start it, or take back what DOCKER_HOST says"))
        }
        Err(error @ DaemonError::NotAllowed { .. }) => Some(Finding::warning(CHECK, error.to_string(), NOT_ALLOWED)),
        Err(error) => Some(Finding::warning(CHECK, chain(&error), "see to it that the daemon works, or do without")),
    }
}

const NOT_ALLOWED: &str =
    "who is in the group `docker` may use Docker, and is root by that; a rootless Docker or Podman needs no group";

fn refused(error: &AddressError) -> Finding {
    Finding::warning(CHECK, chain(error), "name a daemon at unix:// or tcp:// with DOCKER_HOST, or do without")
}
