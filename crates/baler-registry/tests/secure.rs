//! Connections: certificates of all kinds, `certs.d`, proxies.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panic, and says what it skips")]

mod support;

use std::path::PathBuf;

use baler_image::{Source as _, SourceError};
use baler_registry::{Proxies, RegistryError, Settings, TlsFault};
use baler_test_registry::{Fault, Options, Rule, TestRegistry, Tls};
use support::certificates::Authority;
use support::proxy::Proxy;
use support::{client, image, name, round_trip, settings, source, with_image};

fn start(tls: Tls) -> TestRegistry {
    let registry = TestRegistry::start(Options { tls: Some(tls), ..Options::default() }).unwrap();
    registry.push_image("app", Some("1"), &image(10)).unwrap();
    registry
}

/// What is wrong with reading `app:1` of the registry at `address`.
fn fault(settings: Settings, address: &str) -> RegistryError {
    let found = source(&client(settings), address, "app").find(&name(&format!("{address}/app:1")));
    match found {
        Err(SourceError::Unreachable { source, .. } | SourceError::Failed { source, .. }) => {
            *source.downcast().unwrap()
        }
        other => panic!("{other:?}"),
    }
}

fn tls_fault(settings: Settings, address: &str) -> TlsFault {
    match fault(settings, address) {
        RegistryError::Tls { fault, .. } => fault,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_wrong_with_a_certificate() {
    let (Some(authority), Some(other)) = (Authority::new(), Authority::new()) else { return };
    let trusting = || Settings { authorities: authority.read("ca.pem"), ..settings() };
    let good = start(authority.tls("IP:127.0.0.1"));
    round_trip(&client(trusting()), &good.address(), "team/app");
    assert_eq!(tls_fault(settings(), &good.address()), TlsFault::UnknownAuthority);
    let stranger = Settings { authorities: other.read("ca.pem"), ..settings() };
    assert_eq!(tls_fault(stranger, &good.address()), TlsFault::UnknownAuthority);
    let wrong_host = start(authority.tls("DNS:elsewhere.example"));
    let has = vec!["elsewhere.example".to_owned()];
    assert_eq!(tls_fault(trusting(), &wrong_host.address()), TlsFault::WrongHost { has });
    let old = start(authority.tls_for("IP:127.0.0.1", "-1"));
    assert_eq!(tls_fault(trusting(), &old.address()), TlsFault::OutOfDate);
    // One that is said to be insecure is believed whatever it shows.
    for registry in [&good, &wrong_host, &old] {
        let insecure = Settings { insecure_registries: vec![registry.address()], ..settings() };
        round_trip(&client(insecure), &registry.address(), "team/other");
    }
    assert!(good.log().iter().all(|request| request.status != 400));
}

#[test]
fn plain_http_where_tls_is_spoken_and_the_other_way_round() {
    let (registry, _) = with_image(10);
    let (_, port) = registry.address().rsplit_once(':').map(|(host, port)| (host.to_owned(), port.to_owned())).unwrap();
    // Not a loopback name to the client; the resolver gives it one all the same.
    let Some(host) = other_name() else {
        return;
    };
    let address = format!("{host}:{port}");
    assert_eq!(tls_fault(settings(), &address), TlsFault::NotTls);
    let insecure = Settings { insecure_registries: vec![address.clone()], ..settings() };
    let found = source(&client(insecure), &address, "app").find(&name(&format!("{address}/app:1")));
    assert!(found.unwrap().is_some());
}

/// A name of this host that does not look like loopback.
fn other_name() -> Option<String> {
    use std::net::ToSocketAddrs as _;
    let host = fs_err::read_to_string("/etc/hostname").unwrap_or_default().trim().to_owned();
    let is_this = (host.as_str(), 1).to_socket_addrs().is_ok_and(|mut found| found.any(|at| at.ip().is_loopback()));
    if !is_this || host.contains("localhost") {
        println!("SKIP: needs a host name that stands for loopback");
        return None;
    }
    Some(host)
}

#[test]
fn certificate_directories() {
    let Some(authority) = Authority::new() else { return };
    let client_authority = Some(authority.read("ca.pem"));
    let registry = start(Tls { client_authority, ..authority.tls("IP:127.0.0.1") });
    let directory = tempfile::tempdir().unwrap();
    let own = directory.path().join(registry.address());
    fs_err::create_dir(&own).unwrap();
    let settings = || Settings {
        certificate_directories: vec![PathBuf::from("/does/not/exist"), directory.path().to_owned()],
        ..settings()
    };
    fs_err::copy(authority.path("ca.pem"), own.join("ca.crt")).unwrap();
    // Without a certificate of ours the registry ends the connection.
    assert!(matches!(
        fault(settings(), &registry.address()).root(),
        RegistryError::Tls { .. } | RegistryError::Broken { .. }
    ));
    let (certificate, key) = authority.sign("client", "DNS:client", "2");
    fs_err::copy(certificate, own.join("client.cert")).unwrap();
    let lacks_key = baler_registry::Client::new(settings()).unwrap().check_login(&registry.address());
    let expected = own.join("client.key");
    let is_named = matches!(&lacks_key, Err(RegistryError::Certificates { path, .. }) if *path == expected);
    assert!(is_named, "{lacks_key:?}");
    fs_err::copy(key, own.join("client.key")).unwrap();
    round_trip(&client(settings()), &registry.address(), "team/app");
}

#[test]
fn nothing_is_sent_without_protection_that_had_some() {
    let Some(authority) = Authority::new() else { return };
    let registry = start(authority.tls("IP:127.0.0.1"));
    let (plain, _) = with_image(10);
    registry.rule(Rule::new("GET", "*/manifests/*", Fault::Redirect(format!("http://{}", plain.address()))));
    let trusting = Settings { authorities: authority.read("ca.pem"), ..settings() };
    let found =
        source(&client(trusting), &registry.address(), "app").find(&name(&format!("{}/app:1", registry.address())));
    let Err(SourceError::Refused { source, .. }) = found else { panic!("{found:?}") };
    assert!(matches!(source.downcast_ref(), Some(RegistryError::Unprotected { .. })), "{source:?}");
    assert!(plain.log().is_empty());
}

#[test]
fn proxies() {
    let Some(authority) = Authority::new() else { return };
    let registry = start(authority.tls("DNS:registry.example"));
    let proxy = Proxy::start(registry.address());
    let through = |user: &str, except: Option<&str>| {
        let https = Some(format!("http://{user}@{}", proxy.address).into());
        let proxies = Proxies { https, except: except.map(str::to_owned), ..Proxies::default() };
        Settings { proxies, authorities: authority.read("ca.pem"), ..settings() }
    };
    round_trip(&client(through("user:pass", Some("other.example"))), "registry.example", "team/app");
    let asked = proxy.asked();
    assert!(asked.iter().all(|head| head.starts_with("CONNECT registry.example:443 HTTP/1.1\r\n")), "{asked:?}");
    assert!(registry.log().len() > 5);
    let refused = fault(through("user:wrong", None), "registry.example");
    assert!(matches!(refused.root(), RegistryError::Proxy { .. }), "{refused:?}");
    assert!(!format!("{refused:?}").contains("wrong"), "{refused:?}");
    // The name is not one that is found without the proxy.
    let direct = fault(through("user:pass", Some(".example")), "registry.example");
    assert!(
        matches!(direct.root(), RegistryError::HostNotFound { .. } | RegistryError::NameServer { .. }),
        "{direct:?}"
    );
}
