//! Which certificate authorities builds trust.

use std::path::Path;

use super::{Finding, Patient};
use crate::certificates::host_bundle;

const CHECK: &str = "certificates";

pub(super) fn check(patient: &Patient<'_>) -> Vec<Finding> {
    let named = patient.variable("SSL_CERT_FILE").map(Path::new);
    vec![match host_bundle(named) {
        Some(path) => Finding::ok(CHECK, format!("builds trust {}", path.display())),
        None => Finding::warning(
            CHECK,
            "the host has no bundle: builds trust only what the builder does",
            "install ca-certificates, or name a bundle with --ca-certificates",
        ),
    }]
}
