//! What a buildpack can and cannot do, for every user that Baler can run as.

use crate::support::{Place, application, buildpack, users};

/// Runs `script` as bin/build of a buildpack, and gives back what it printed.
fn inside(user: crate::support::User, script: &str) -> Option<String> {
    let place = Place::with_builder(user, &["probe"])?;
    buildpack(&place, "probe", "exit 0", script);
    application(&place, &[("x", "x")]);
    place.create_builder();
    std::fs::create_dir_all(place.path().join(".docker")).unwrap();
    std::fs::write(place.path().join(".docker/config.json"), "{\"auths\": {\"secret-registry\": {}}}").unwrap();
    let built = place.build(&[]).success();
    Some(built.stdout)
}

#[test]
fn the_root_cannot_be_changed_and_the_rest_can() {
    let script = "
try() { if \"$@\" 2>/dev/null; then echo \"can: $*\"; else echo \"cannot: $*\"; fi; }
try touch /usr/new
try touch /bin/new
try rm /usr/owned-by-root
try cp /etc/passwd /etc/group
try chmod 777 /usr
try touch /tmp/new
try touch /home/cnb/new
try touch /layers/new
try touch /workspace/new
try touch /cnb/new
try touch /platform/env/new
try mkdir /new";
    for user in users() {
        let Some(output) = inside(user, script) else { return };
        let expected = [
            "cannot: touch /usr/new",
            "cannot: touch /bin/new",
            "cannot: rm /usr/owned-by-root",
            "cannot: cp /etc/passwd /etc/group",
            "cannot: chmod 777 /usr",
            "can: touch /tmp/new",
            "can: touch /home/cnb/new",
            "can: touch /layers/new",
            "can: touch /workspace/new",
            "cannot: touch /cnb/new",
            "cannot: touch /platform/env/new",
            "cannot: mkdir /new",
        ];
        let lines: Vec<&str> = output.lines().filter(|line| line.starts_with("can")).collect();
        assert_eq!(lines, expected, "{user:?}");
    }
}

#[test]
fn volumes_are_read_only_unless_it_is_said() {
    let script = "cat /data/file /closed/file; echo new >/data/new; touch /closed/new 2>/dev/null || echo closed";
    for user in users() {
        let Some(place) = Place::with_builder(user, &["probe"]) else { return };
        buildpack(&place, "probe", "cat /data/file", script);
        application(&place, &[("x", "x")]);
        place.create_builder();
        let directory = place.path().join("data");
        crate::support::write(&directory.join("file"), "from the host\n");
        std::fs::set_permissions(&directory, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
        let volume = |target: &str| format!("{}:{target}", directory.display());
        let volumes = [volume("/data:rw"), volume("/closed"), volume("/cnb/sensitive:ro")];
        let arguments: Vec<&str> = volumes.iter().flat_map(|volume| ["--volume", volume]).collect();
        let built = place.build(&arguments).success();
        assert!(built.stdout.contains("from the host\nfrom the host\nclosed\n"), "{user:?}: {}", built.stdout);
        let warning = "Warning: Mounting to a sensitive directory '/cnb/sensitive'\n";
        assert!(built.stdout.contains(warning), "{user:?}: {}", built.stdout);
        assert_eq!(std::fs::read_to_string(directory.join("new")).unwrap(), "new\n", "{user:?}");
        let wrong = place.build(&["--volume", "x"]).failure(1);
        let expected = "ERROR: platform volume \"x\" has invalid format: invalid volume specification: 'x'\n";
        assert_eq!(wrong.stderr, expected);
    }
}

#[test]
fn there_are_no_capabilities_and_no_way_to_get_any() {
    for user in users() {
        let Some(output) = inside(user, "cat /proc/self/status; echo uid=$(id -u) gid=$(id -g)") else { return };
        for line in ["CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "uid=1000 gid=1000"] {
            assert!(output.lines().any(|found| found == line), "{user:?}: {line} in\n{output}");
        }
    }
}

#[test]
fn nothing_of_the_host_is_visible() {
    let script = "
ls -a / /home /root 2>&1 | cat
env
ls /proc | cat
cat /proc/self/mountinfo
ls -l /proc/self/fd";
    for user in users() {
        let Some(output) = inside(user, script) else { return };
        for secret in ["secret-registry", ".docker", "docker.sock", "BALER_HOME", "blobs"] {
            assert!(!output.contains(secret), "{user:?}: {secret} in\n{output}");
        }
        let processes = output.lines().filter(|line| line.parse::<u32>().is_ok()).count();
        assert!(processes < 10, "{user:?}: {processes} processes in\n{output}");
    }
}

#[test]
fn without_a_network_there_is_only_loopback() {
    let interfaces = r"busybox sed -n 's/^ *\([a-z0-9.-]*\):.*/has \1/p' /proc/net/dev";
    let host = std::fs::read_to_string("/proc/net/dev").unwrap().lines().filter(|line| line.contains(':')).count();
    for user in users() {
        let Some(place) = Place::with_builder(user, &["probe"]) else { return };
        buildpack(&place, "probe", "exit 0", interfaces);
        application(&place, &[("x", "x")]);
        place.create_builder();
        let seen = |arguments: &[&str]| {
            let built = place.build(arguments).success().stdout;
            built.lines().filter(|line| line.starts_with("has ")).count()
        };
        assert_eq!((seen(&["--network", "none"]), seen(&[])), (1, host), "{user:?}");
    }
}

#[test]
fn names_resolve_and_the_hosts_certificates_are_there() {
    let script = "cat /etc/resolv.conf; echo cert=${SSL_CERT_FILE-} node=${NODE_EXTRA_CA_CERTS-}; test -s \"${SSL_CERT_FILE-/none}\" && echo readable";
    for user in users() {
        let Some(output) = inside(user, script) else { return };
        if let Ok(host) = std::fs::read_to_string("/etc/resolv.conf") {
            assert!(output.contains(host.trim()), "{user:?}: {output}");
        }
        if std::path::Path::new("/etc/ssl/certs/ca-certificates.crt").exists() {
            let path = "/run/baler/certificates/ca-certificates.pem";
            assert!(output.contains(&format!("cert={path} node={path}")), "{user:?}: {output}");
            assert!(output.contains("readable"), "{user:?}: {output}");
        }
    }
}

#[test]
fn with_the_calls_of_the_oldest_kernel_builds_are_the_same() {
    for user in users() {
        let Some(place) = Place::with_builder(user, &["plain"]) else { return };
        let script = "mkdir \"$1/dep\"; ls -ld / /etc /tmp /layers /workspace | busybox awk '{print $1, $3, $4}' >\"$1/dep/seen\"
            printf '[types]\\nlaunch = true\\ncache = true\\n' >\"$1/dep.toml\"
            ! touch /usr/mine 2>/dev/null; ! touch /platform/mine 2>/dev/null; touch /tmp/mine";
        buildpack(&place, "plain", "exit 0", script);
        application(&place, &[("a.txt", "a")]);
        place.create_builder();
        let with = |calls: &str| {
            let arguments = ["build", "app", "-B", "builder", "-p", "app", "-q", "--clear-cache"];
            crate::support::outcome(place.command(&arguments).env("BALER_KERNEL_CALLS", calls)).success().stdout
        };
        assert_eq!(with("best"), with("oldest"), "{user:?}");
    }
}
