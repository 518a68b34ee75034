//! The version of the kernel.

use super::Finding;

const CHECK: &str = "kernel";
/// Overlay mounts in user namespaces.
const NEEDED: (u32, u32) = (5, 11);
/// Landlock that keeps abstract sockets apart.
const SCOPES: (u32, u32) = (6, 12);

pub(super) fn check() -> Vec<Finding> {
    vec![judge(&rustix::system::uname().release().to_string_lossy())]
}

fn judge(release: &str) -> Finding {
    let Some(version) = version(release) else {
        return Finding::warning(
            CHECK,
            format!("Linux {release}"),
            "its version is not known: 5.11 or newer is needed",
        );
    };
    if version < NEEDED {
        let remedy = Some("use a machine with Linux 5.11 or newer".to_owned());
        return Finding::problem(CHECK, format!("Linux {release} cannot mount overlays for ordinary users"), remedy);
    }
    if version < SCOPES {
        let text = format!("Linux {release}: builds can reach abstract sockets of the host (from 6.12 on they cannot)");
        return Finding::warning(CHECK, text, "where that matters, build with --network none");
    }
    Finding::ok(CHECK, format!("Linux {release}"))
}

fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|character: char| !character.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    #[test]
    fn versions_are_judged() {
        assert_eq!(judge("5.10.0-28-amd64").level, Level::Problem);
        assert_eq!(judge("5.15.0-1-generic").level, Level::Warning);
        assert_eq!(judge("6.12.3").level, Level::Ok);
        assert_eq!(judge("6.18-rc1").level, Level::Ok);
        assert_eq!(judge("odd").level, Level::Warning);
    }
}
