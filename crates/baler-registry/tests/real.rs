//! Against Debian's `docker-registry`: plain, with TLS, with passwords.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panic, and says what it skips")]

mod support;

use baler_image::{Sink as _, SinkError, Source as _, SourceError};
use baler_registry::{Mounted, Settings};
use support::certificates::Authority;
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
    put(&from, &image.layers[0]).unwrap();
    assert!(matches!(to.mount_blob(&image.layers[0].0.digest, from.repository()).unwrap(), Mounted::Done));
    assert!(to.has_blob(&image.layers[0].0.digest).unwrap());
    let Mounted::Upload(mut writer) = to.mount_blob(&image.config.0.digest, from.repository()).unwrap() else {
        panic!("the other repository does not have it either");
    };
    std::io::Write::write_all(&mut writer, &image.config.1).unwrap();
    writer.commit(&image.config.0.digest, image.config.0.size).unwrap();
    assert!(to.has_blob(&image.config.0.digest).unwrap());
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
                put(sink, &image.layers[0]).unwrap();
                assert!(sink.has_blob(&image.layers[0].0.digest).unwrap());
            });
        }
    });
}

#[test]
fn with_tls() {
    let Some(authority) = Authority::new() else { return };
    let (certificate, key) = authority.sign("server", "IP:127.0.0.1", "2");
    let http = format!("  tls:\n    certificate: {}\n    key: {}\n", certificate.display(), key.display());
    let Some(registry) = Registry::start(|_| (http, String::new())) else { return };
    let authorities = authority.read("ca.pem");
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
