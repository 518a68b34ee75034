//! Security modules that limit who may make user namespaces.

use super::Finding;
use crate::trial::Trial;

const PROFILE: &str = "load the profile packaging/apparmor/baler: \
    `sudo install -m 644 packaging/apparmor/baler /etc/apparmor.d/baler && sudo apparmor_parser -r /etc/apparmor.d/baler`";

pub(super) fn check(trial: Option<&Trial>) -> Vec<Finding> {
    let is = |path: &str, value: &str| fs_err::read_to_string(path).is_ok_and(|text| text.trim() == value);
    let works = matches!(trial, Some(Trial::Worked));
    let mut findings = Vec::new();
    if is("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1") {
        findings.push(if works {
            Finding::ok("AppArmor", "restricts user namespaces, and lets this program make them")
        } else {
            Finding::problem(
                "AppArmor",
                "lets only programs with a profile make user namespaces",
                Some(PROFILE.to_owned()),
            )
        });
    }
    if is("/sys/fs/selinux/enforce", "1") {
        findings.push(if works {
            Finding::ok("SELinux", "enforces, and lets this program make sandboxes")
        } else {
            Finding::warning(
                "SELinux",
                "enforces",
                "`sudo ausearch -m avc -ts recent` shows whether it refused something",
            )
        });
    }
    findings
}
