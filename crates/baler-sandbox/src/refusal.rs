//! From the helper's failures to errors; and why a system gives no namespaces, as far as its settings tell.

use std::ffi::OsString;
use std::io;

use fs_err as fs;
use rustix::io::Errno;
use rustix::process::geteuid;
use rustix::thread::{CapabilitySet, capabilities};

use crate::wire::{Failure, Text};
use crate::{Refusal, SandboxError, Step};

/// The error that a failure is for the caller. `program` is what was to be executed.
pub(crate) fn error_of(failure: Failure, program: OsString) -> SandboxError {
    match failure {
        Failure::Namespaces { errno } => {
            let refusal = diagnose(Errno::from_raw_os_error(errno), &Settings::read());
            SandboxError::NoNamespaces { refusal, source: io::Error::from_raw_os_error(errno) }
        }
        Failure::MapSubIds { program, message } => SandboxError::MapSubIds { program, message },
        Failure::Setup { step, path, errno } => {
            let source = io::Error::from_raw_os_error(errno);
            if needs_capabilities(step) && is_denied(errno) && Settings::read().apparmor_restricts {
                // There the namespace can be made, but gives no capabilities.
                return SandboxError::NoNamespaces { refusal: Refusal::AppArmor, source };
            }
            if is_denied(errno) && is_root_without_rights() {
                return SandboxError::NoNamespaces { refusal: Refusal::Filter, source };
            }
            SandboxError::Setup { step, path: path.map(|path| Text::into_os_string(path).into()), source }
        }
        Failure::Execute { failure, errno } => {
            SandboxError::Execute { program, failure, source: io::Error::from_raw_os_error(errno) }
        }
        Failure::Operation { .. } | Failure::UnknownOperation => {
            SandboxError::Helper { source: io::ErrorKind::InvalidData.into() }
        }
    }
}

/// The first steps that a process can only do with capabilities over its namespaces.
fn needs_capabilities(step: Step) -> bool {
    matches!(step, Step::WriteIdMap | Step::SetHostName | Step::BringUpLoopback | Step::MakePrivate | Step::TakeIds)
}

/// Root of most containers: it does not get as far as the namespaces, since it mounts before.
fn is_root_without_rights() -> bool {
    let has_rights = || capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::SYS_ADMIN));
    geteuid().is_root() && !has_rights()
}

fn is_denied(errno: i32) -> bool {
    matches!(Errno::from_raw_os_error(errno), Errno::PERM | Errno::ACCESS)
}

/// The system's settings that decide on namespaces.
struct Settings {
    no_namespaces_left: bool,
    unprivileged_clone_is_off: bool,
    apparmor_restricts: bool,
}

impl Settings {
    fn read() -> Self {
        let value = |path: &str| fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
        let is = |path: &str, expected: &str| value(path).as_deref() == Some(expected);
        Self {
            no_namespaces_left: is("/proc/sys/user/max_user_namespaces", "0"),
            unprivileged_clone_is_off: is("/proc/sys/kernel/unprivileged_userns_clone", "0"),
            apparmor_restricts: is("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1"),
        }
    }
}

fn diagnose(errno: Errno, settings: &Settings) -> Refusal {
    if settings.no_namespaces_left || matches!(errno, Errno::NOSPC | Errno::USERS) {
        Refusal::Limit
    } else if settings.unprivileged_clone_is_off {
        Refusal::UnprivilegedClone
    } else if settings.apparmor_restricts {
        Refusal::AppArmor
    } else {
        Refusal::Filter
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_setting_that_forbids_is_found() {
        let settings = |no_namespaces_left, unprivileged_clone_is_off, apparmor_restricts| Settings {
            no_namespaces_left,
            unprivileged_clone_is_off,
            apparmor_restricts,
        };
        assert_eq!(diagnose(Errno::NOSPC, &settings(true, false, false)), Refusal::Limit);
        assert_eq!(diagnose(Errno::NOSPC, &settings(false, false, false)), Refusal::Limit);
        assert_eq!(diagnose(Errno::PERM, &settings(false, true, true)), Refusal::UnprivilegedClone);
        assert_eq!(diagnose(Errno::PERM, &settings(false, false, true)), Refusal::AppArmor);
        assert_eq!(diagnose(Errno::PERM, &settings(false, false, false)), Refusal::Filter);
        assert!(Refusal::Limit.remedy().contains("user.max_user_namespaces"));
    }
}
