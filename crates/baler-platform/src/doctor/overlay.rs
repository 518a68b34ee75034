//! Overlays on the store's file system.

use std::path::Path;

use baler_sandbox::{SandboxError, Step};

use super::{Finding, Patient, namespaces};
use crate::trial::Trial;

const CHECK: &str = "overlay";

/// The numbers of `statfs(2)` (`linux/magic.h`).
const FILE_SYSTEMS: [(u64, &str); 11] = [
    (0xef53, "ext4"),
    (0x5846_5342, "xfs"),
    (0x9123_683e, "btrfs"),
    (0x0102_1994, "tmpfs"),
    (0x794c_7630, "overlayfs"),
    (0x6969, "NFS"),
    (0x6573_5546, "FUSE"),
    (0x2fc1_2fc1, "zfs"),
    (0xf2f5_2010, "f2fs"),
    (0xf15f, "ecryptfs"),
    (0xff53_4d42, "CIFS"),
];

pub(super) fn is_mine(error: &SandboxError) -> bool {
    matches!(error, SandboxError::Setup { step: Step::MountOverlay, .. })
}

pub(super) fn check(patient: &Patient<'_>, trial: Option<&Trial>) -> Vec<Finding> {
    let Some(store) = patient.store else { return Vec::new() };
    let name = file_system(store.root());
    let finding = match trial {
        Some(Trial::Worked) if name == "tmpfs" => Finding::warning(
            CHECK,
            "one was mounted; the store is on tmpfs, in memory",
            "set BALER_HOME to a place on a disk",
        ),
        Some(Trial::Worked) => Finding::ok(CHECK, format!("one was mounted on the store's file system ({name})")),
        Some(Trial::Failed(error)) if is_mine(error) => {
            let text = format!("none can be mounted on the store's file system ({name}): {}", namespaces::said(error));
            let remedy = "set BALER_HOME to a directory on ext4, xfs or btrfs; NFS and overlayfs cannot be written to by overlays";
            Finding::problem(CHECK, text, Some(remedy.to_owned()))
        }
        Some(Trial::Failed(_) | Trial::NoPlace(_)) | None => return Vec::new(),
    };
    vec![finding]
}

fn file_system(path: &Path) -> String {
    let Ok(state) = rustix::fs::statfs(path) else { return "unknown".to_owned() };
    // The kernel's type differs between architectures; the numbers have 32 bits.
    #[expect(clippy::cast_sign_loss, reason = "a number, not an amount")]
    let number = (state.f_type as u64) & 0xffff_ffff;
    name_of(number)
}

fn name_of(number: u64) -> String {
    let known = FILE_SYSTEMS.iter().find(|(magic, _)| *magic == number);
    known.map_or_else(|| format!("type {number:#x}"), |(_, name)| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_systems_have_names() {
        assert_eq!(file_system(Path::new("/dev/shm")), "tmpfs");
        assert_eq!(file_system(Path::new("/absent")), "unknown");
        // Not every machine has these, and no test can mount them.
        assert_eq!((name_of(0x6969), name_of(0xff53_4d42)), ("NFS".to_owned(), "CIFS".to_owned()));
        assert_eq!(name_of(0x1234), "type 0x1234");
    }
}
