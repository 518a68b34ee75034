//! What a build is for, and which modules fit.
//!
//! Platform specification, "Targets"; Buildpack specification, "Targets". The target of a build is that of its run
//! image; what the image does not say is taken from the machine and the root file system that the build runs in.

use baler_cnb::analyzed::TargetMetadata;
use baler_cnb::buildpack::{Distro, Stack, Target};

/// Fills in what a run image does not say: Linux, this machine's architecture, the distribution in `os_release`, the
/// text of /etc/os-release.
pub fn complete(target: Option<TargetMetadata>, os_release: Option<&str>) -> TargetMetadata {
    let mut target = target.unwrap_or_default();
    if target.os.is_empty() {
        "linux".clone_into(&mut target.os);
    }
    if target.arch.is_empty() {
        host_architecture().clone_into(&mut target.arch);
    }
    let has_distro = target.distro.as_ref().is_some_and(|distro| !distro.name.is_empty());
    if !has_distro {
        target.distro = os_release.and_then(distro_of_os_release);
    }
    target
}

/// This machine's architecture, as Go and OCI images name it.
pub fn host_architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        "powerpc64" => "ppc64le",
        "loongarch64" => "loong64",
        other => other,
    }
}

/// `ID` and `VERSION_ID` of os-release.
fn distro_of_os_release(text: &str) -> Option<Distro> {
    let value = |key: &str| {
        let mut values = text.lines().filter_map(|line| line.trim().strip_prefix(key)?.strip_prefix('='));
        values.next_back().map(|value| value.trim_matches(['"', '\'']).to_owned())
    };
    let name = value("ID")?;
    Some(Distro { name, version: value("VERSION_ID").unwrap_or_default() })
}

/// The targets of a module that names none, found in its stacks and its programs. Empty: it fits nowhere.
pub fn inferred_targets(stacks: &[Stack], has_targets_api: bool, has_linux_program: bool) -> Vec<Target> {
    let linux = || Target { os: "linux".to_owned(), ..Default::default() };
    let from_stack = |stack: &Stack| match stack.id.as_str() {
        "*" => Some(Target::default()),
        "io.buildpacks.stacks.bionic" if has_targets_api || stacks.len() == 1 => {
            let distro = Distro { name: "ubuntu".to_owned(), version: "18.04".to_owned() };
            Some(Target { arch: "amd64".to_owned(), distros: vec![distro], ..linux() })
        }
        _ => None,
    };
    let targets: Vec<_> = stacks.iter().filter_map(from_stack).collect();
    if targets.is_empty() && has_linux_program { vec![linux()] } else { targets }
}

/// Whether a module for `target` may take part in a build for `base`. An empty field matches anything.
pub fn is_match(base: &TargetMetadata, target: &Target) -> bool {
    let agree = |one: &str, other: &str| one.is_empty() || other.is_empty() || one == other;
    let empty = Distro::default();
    let base_distro = base.distro.as_ref().unwrap_or(&empty);
    let distro_agrees =
        |distro: &Distro| agree(&base_distro.name, &distro.name) && agree(&base_distro.version, &distro.version);
    agree(&base.os, &target.os)
        && agree(&base.arch, &target.arch)
        && agree(&base.arch_variant, &target.variant)
        && (target.distros.is_empty() || target.distros.iter().any(distro_agrees))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distro(name: &str, version: &str) -> Distro {
        Distro { name: name.into(), version: version.into() }
    }

    fn target(os: &str, arch: &str, variant: &str, distros: &[(&str, &str)]) -> Target {
        let distros = distros.iter().map(|(name, version)| distro(name, version)).collect();
        Target { os: os.into(), arch: arch.into(), variant: variant.into(), distros }
    }

    #[test]
    fn a_target_matches_where_both_sides_speak_and_agree() {
        let base = TargetMetadata {
            os: "linux".into(),
            arch: "arm64".into(),
            arch_variant: "v8".into(),
            distro: Some(distro("debian", "13")),
            ..Default::default()
        };
        let cases = [
            (target("", "", "", &[]), true),
            (target("linux", "arm64", "", &[]), true),
            (target("linux", "amd64", "", &[]), false),
            (target("windows", "", "", &[]), false),
            (target("linux", "arm64", "v7", &[]), false),
            (target("linux", "", "", &[("ubuntu", "24.04"), ("debian", "13")]), true),
            (target("linux", "", "", &[("debian", "12")]), false),
            (target("linux", "", "", &[("debian", "")]), true),
        ];
        for (target, expected) in cases {
            assert_eq!(is_match(&base, &target), expected, "{target:?}");
        }
        let unknown = TargetMetadata { distro: None, ..base };
        assert!(is_match(&unknown, &target("linux", "", "", &[("debian", "12")])));
    }

    #[test]
    fn targets_are_inferred_from_stacks_and_programs() {
        let stack = |id: &str| Stack { id: id.into(), mixins: Vec::new() };
        let bionic = stack("io.buildpacks.stacks.bionic");
        let any = Target::default();
        let linux = target("linux", "", "", &[]);
        let ubuntu = target("linux", "amd64", "", &[("ubuntu", "18.04")]);
        let cases = [
            (vec![stack("*")], true, true, vec![any.clone()]),
            (vec![bionic.clone()], false, true, vec![ubuntu.clone()]),
            (vec![bionic.clone(), stack("other")], false, true, vec![linux.clone()]),
            (vec![bionic.clone(), stack("other")], true, true, vec![ubuntu.clone()]),
            (vec![bionic, stack("*")], true, true, vec![ubuntu, any]),
            (vec![], true, true, vec![linux]),
            (vec![], true, false, vec![]),
        ];
        for (stacks, has_targets_api, has_program, expected) in cases {
            assert_eq!(inferred_targets(&stacks, has_targets_api, has_program), expected, "{stacks:?}");
        }
    }

    #[test]
    fn what_an_image_does_not_say_is_filled_in() {
        let os_release = "NAME=\"Debian\"\nID=debian\nVERSION_ID=\"13\"\n";
        let filled = complete(None, Some(os_release));
        assert_eq!((filled.os.as_str(), filled.arch.as_str()), ("linux", host_architecture()));
        assert_eq!(filled.distro, Some(distro("debian", "13")));
        let said = TargetMetadata {
            os: "linux".into(),
            arch: "s390x".into(),
            distro: Some(distro("ubuntu", "24.04")),
            ..Default::default()
        };
        assert_eq!(complete(Some(said.clone()), Some(os_release)), said);
        assert_eq!(complete(None, None).distro, None);
    }
}
