//! Against Debian's `docker-registry`: plain, with TLS, with passwords.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panic, and says what it skips")]

mod support;

use std::path::Path;
use std::process::{Command, Stdio};

use baler_image::{Sink as _, SinkError, Source as _, SourceError};
use baler_registry::{Mounted, Settings};
use support::real::Registry;
use support::{client, image, keychain, name, put, round_trip, settings, sink, source};

/// `password`, as `htpasswd -B` writes it.
const PASSWORD: &str = "$2b$05$abcdefghijklmnopqrstuuWG29KuyeAicPCJODk1zjyGvyQUU2awu";

#[test]
fn plain() {
    let Some(registry) = Registry::start(|_| (String::new(), String::new())) else { return };
    round_trip(&client(settings()), &registry.address, "team/app");
}

#[test]
fn mounts_between_repositories() {
    let Some(registry) = Registry::start(|_| (String::new(), String::new())) else { return };
    let client = client(settings());
    let image = image(1000);
    let (from, to) = (sink(&client, &registry.address, "one"), sink(&client, &registry.address, "two"));
    put(&from, &image.layer, &image.layer_at).unwrap();
    assert!(matches!(to.mount_blob(&image.layer_at.digest, from.repository()).unwrap(), Mounted::Done));
    assert!(to.has_blob(&image.layer_at.digest).unwrap());
    let Mounted::Upload(mut writer) = to.mount_blob(&image.config_at.digest, from.repository()).unwrap() else {
        panic!("the other repository does not have it either");
    };
    std::io::Write::write_all(&mut writer, &image.config).unwrap();
    writer.commit(&image.config_at.digest, image.config_at.size).unwrap();
    assert!(to.has_blob(&image.config_at.digest).unwrap());
}

#[test]
fn parallel_uploads() {
    let Some(registry) = Registry::start(|_| (String::new(), String::new())) else { return };
    let client = client(settings());
    let sink = sink(&client, &registry.address, "many");
    std::thread::scope(|scope| {
        for number in 1..=4 {
            let sink = &sink;
            scope.spawn(move || {
                let image = image(6_000_000 + number);
                put(sink, &image.layer, &image.layer_at).unwrap();
                assert!(sink.has_blob(&image.layer_at.digest).unwrap());
            });
        }
    });
}

/// An authority, and a certificate of it for 127.0.0.1.
fn certificates(directory: &Path) -> bool {
    let openssl = |arguments: &[&str]| {
        let mut command = Command::new("openssl");
        command.args(arguments).current_dir(directory).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    fs_err::write(directory.join("san"), "subjectAltName=IP:127.0.0.1\n").unwrap();
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    let authority = ["-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=test authority", "-days", "2"];
    let request = ["-keyout", "key.pem", "-out", "request.pem", "-subj", "/CN=registry"];
    let sign = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "san"];
    openssl(&[&["req", "-x509"][..], &key, &authority].concat())
        && openssl(&[&["req"][..], &key, &request].concat())
        && openssl(&[&["x509", "-req", "-in", "request.pem", "-out", "cert.pem"][..], &sign].concat())
}

#[test]
fn with_tls() {
    let mut is_made = false;
    let registry = Registry::start(|directory| {
        is_made = certificates(directory);
        let path = |name: &str| directory.join(name).display().to_string();
        (format!("  tls:\n    certificate: {}\n    key: {}\n", path("cert.pem"), path("key.pem")), String::new())
    });
    let Some(registry) = registry else { return };
    if !is_made {
        println!("SKIP: needs openssl");
        return;
    }
    let authorities = fs_err::read(registry.directory.path().join("ca.pem")).unwrap();
    round_trip(&client(Settings { authorities, ..settings() }), &registry.address, "team/app");
    let insecure = Settings { insecure_registries: vec![registry.address.clone()], ..settings() };
    round_trip(&client(insecure), &registry.address, "team/other");
    let stranger = source(&client(settings()), &registry.address, "team/app");
    let found = stranger.find(&name(&format!("{}/team/app:1", registry.address)));
    assert!(matches!(found, Err(SourceError::Unreachable { .. })), "{found:?}");
}

#[test]
fn with_passwords() {
    let registry = Registry::start(|directory| {
        let file = directory.join("htpasswd");
        fs_err::write(&file, format!("user:{PASSWORD}\n")).unwrap();
        (String::new(), format!("auth:\n  htpasswd:\n    realm: test\n    path: {}\n", file.display()))
    });
    let Some(registry) = registry else { return };
    // user:password
    let auth = format!(r#"{{"{}": "Basic dXNlcjpwYXNzd29yZA=="}}"#, registry.address);
    round_trip(&client(Settings { keychain: keychain(&auth), ..settings() }), &registry.address, "team/app");
    let nobody = client(settings());
    let pushed = sink(&nobody, &registry.address, "team/app").check_push();
    assert!(matches!(pushed, Err(SinkError::Refused { .. })), "{pushed:?}");
    let found = source(&nobody, &registry.address, "xy").find(&name(&format!("{}/xy", registry.address)));
    assert!(matches!(found, Err(SourceError::Refused { .. })), "{found:?}");
}
