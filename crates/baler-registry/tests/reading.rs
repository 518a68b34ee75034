//! What goes wrong while images are read, each as a rule of a registry in this process.

mod support;

use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use baler_image::{Source as _, SourceError, TransferError, Wanted, resolve, transfer};
use baler_registry::{RegistryError, Settings};
use baler_test_registry::{Authorization, Fault, Rule};
use support::{LENGTH, client, empty, find, find_with, heard, image, name, read_layer, settings, source, with_image};

#[test]
fn a_tag_through_an_index_costs_three_requests() {
    let (registry, image) = (empty(), image(10));
    registry.push_index("app", "1", &[("linux/arm64", &support::image(20)), ("linux/amd64", &image)]).unwrap();
    let client = client(settings());
    let source = source(&client, &registry.address(), "app");
    let wanted = Wanted::Exactly("linux/amd64".parse().unwrap());
    let found = resolve(&name(&format!("{}/app:1", registry.address())), &wanted, &source).unwrap();
    assert_eq!(found.digest(), image.digest());
    let expected = [
        "GET /v2/app/manifests/1".to_owned(),
        format!("GET /v2/app/manifests/{}", image.digest()),
        format!("GET /v2/app/blobs/{}", image.config.0.digest),
    ];
    assert_eq!(registry.lines(), expected);
}

#[test]
fn passing_statuses_are_tried_again_and_others_not() {
    for status in [408, 429, 500, 502, 503, 504] {
        let (registry, _) = with_image(10);
        registry.rule(Rule::new("GET", "*/manifests/*", Fault::status(status)).times(2));
        let (settings, heard) = heard();
        assert!(find_with(settings, &registry, ":1").unwrap().is_some(), "{status}");
        assert_eq!(registry.log().len(), 3);
        let heard = heard.lock().unwrap();
        assert!(heard.len() == 2 && heard[1].starts_with("try 2 of 4 failed, the next is in "), "{heard:?}");
    }
    for status in [400, 403, 405, 501] {
        let (registry, _) = with_image(10);
        registry.rule(Rule::new("GET", "*/manifests/*", Fault::status(status)).always());
        assert!(find(&registry, ":1").is_err(), "{status}");
        // A server that speaks TLS says 400 to those who do not: it is asked in both ways.
        assert_eq!(registry.log().len(), 1, "{status}");
    }
}

#[test]
fn all_tries_are_not_for_ever() {
    let (registry, _) = with_image(10);
    registry.rule(Rule::new("GET", "*/manifests/*", Fault::status(500)).always());
    let Err(SourceError::Failed { source, .. }) = find(&registry, ":1") else { panic!() };
    assert!(matches!(source.downcast_ref(), Some(RegistryError::GaveUp { tries: 4, .. })), "{source:?}");
    assert_eq!(registry.log().len(), 4);
}

#[test]
fn as_long_as_the_registry_asks_for() {
    let (registry, _) = with_image(10);
    let (settings, heard) = heard();
    registry.rule(Rule::new("GET", "*/manifests/*", Fault::too_many("1")));
    assert!(find_with(settings, &registry, ":1").unwrap().is_some());
    assert!(heard.lock().unwrap()[0].contains("the next is in 1.0 s"), "{heard:?}");
    // A date is compared with the registry's own clock.
    let date = |second: u32| format!("Sun, 06 Nov 1994 08:49:{second:02} GMT");
    let headers = vec![("date", date(30)), ("retry-after", date(31))];
    registry.rule(Rule::new("GET", "*/manifests/*", Fault::Status(503, headers)));
    let (settings, heard) = support::heard();
    assert!(find_with(settings, &registry, ":1").unwrap().is_some());
    assert!(heard.lock().unwrap()[0].contains("the next is in 1.0 s"), "{heard:?}");
    // Nobody waits that long.
    registry.rule(Rule::new("GET", "*/manifests/*", Fault::too_many("3600")));
    let limited = find(&registry, ":1");
    let hour = Duration::from_hours(1);
    assert!(matches!(limited, Err(SourceError::RateLimited { retry_after: Some(time), .. }) if time == hour));
}

#[test]
fn broken_connections() {
    for fault in [Fault::ResetBefore, Fault::ResetUnanswered, Fault::ResetIn(5), Fault::Truncate(5), Fault::ResetAfter]
    {
        let (registry, image) = with_image(10);
        registry.rule(Rule::new("GET", "*/manifests/*", fault.clone()).times(2));
        let client = client(settings());
        let source = source(&client, &registry.address(), "app");
        for _ in 0..3 {
            let found = source.find(&name(&format!("{}/app:1", registry.address()))).unwrap().unwrap();
            assert_eq!(found.bytes, image.manifest.1, "{fault:?}");
        }
    }
}

#[test]
fn broken_downloads_go_on_where_they_were() {
    for knows_ranges in [true, false] {
        let (registry, image) = with_image(LENGTH);
        registry.rule(Rule::new("GET", "*/blobs/*", Fault::Truncate(5_000_000)));
        registry.rule(Rule::new("GET", "*/blobs/*", Fault::ResetBefore));
        if !knows_ranges {
            registry.rule(Rule::new("GET", "*/blobs/*", Fault::NoRanges).always());
        }
        assert!(read_layer(settings(), &registry, &image).unwrap() == image.layers[0].1);
        let sent: u64 = registry.log().iter().skip(2).map(|request| request.sent).sum();
        assert_eq!(sent < LENGTH as u64, knows_ranges, "{sent}");
    }
    let (registry, image) = with_image(LENGTH);
    registry.rule(Rule::new("GET", "*/blobs/*", Fault::ResetIn(9_000_000)));
    assert!(read_layer(settings(), &registry, &image).unwrap() == image.layers[0].1);
    let (registry, image) = with_image(LENGTH);
    registry.rule(Rule::new("GET", "*/blobs/*", Fault::Truncate(1000)));
    registry.rule(Rule::new("GET", "*/blobs/*", Fault::Truncate(0)).always());
    let result = read_layer(settings(), &registry, &image);
    assert!(matches!(result, Err(SourceError::Truncated { received: 1000, .. })), "{:?}", result.err());
    assert_eq!(registry.log().len(), 4);
}

#[test]
fn what_stalls_is_left() {
    let (registry, image) = with_image(300_000);
    let quick = || Settings { stall_timeout: Duration::from_millis(500), ..settings() };
    registry.rule(Rule::new("GET", "*/blobs/*", Fault::Stall(Some(100_000))));
    registry.rule(Rule::new("GET", "*/blobs/*", Fault::Stall(None)));
    assert!(read_layer(quick(), &registry, &image).unwrap() == image.layers[0].1);
    registry.rule(Rule::new("GET", "*/manifests/*", Fault::Stall(None)).always());
    let result = find_with(quick(), &registry, ":1");
    let Err(SourceError::Unreachable { source, .. }) = &result else { panic!("{result:?}") };
    let error: &RegistryError = source.downcast_ref().unwrap();
    assert!(matches!(error.root(), RegistryError::TimedOut { .. }), "{error:?}");
    // What is slow and not stalled is waited for.
    let (registry, image) = with_image(1_000_000);
    registry.rule(Rule::new("GET", "*/blobs/*", Fault::Slow(Duration::from_millis(150))));
    assert!(read_layer(quick(), &registry, &image).unwrap() == image.layers[0].1);
    assert_eq!(registry.log().len(), 1);
}

/// Whoever waits is told for whom, and not for ever.
#[test]
fn who_does_not_answer_is_named_while_it_is_waited_for() {
    let (registry, _) = with_image(1000);
    registry.rule(Rule::new("GET", "*/manifests/*", Fault::Stall(None)).always());
    let (settings, heard) = heard();
    let quick = Settings { stall_timeout: Duration::from_secs(1), patience: Duration::from_millis(100), ..settings };
    assert!(matches!(find_with(quick, &registry, ":1"), Err(SourceError::Unreachable { .. })));
    let url = format!("http://{}/v2/app/manifests/1", registry.address());
    let heard = heard.lock().unwrap();
    let silent = format!("no answer to GET {url} for ");
    assert_eq!(heard.iter().filter(|text| text.starts_with(&silent)).count(), 3, "{heard:?}");
    for tried in [1, 2] {
        let failed = format!("try {tried} of 3 failed, the next is in 0.0 s: {url} did not answer in time");
        assert_eq!(heard.iter().filter(|text| **text == failed).count(), 1, "{heard:?}");
    }
    assert_eq!(registry.log().len(), 3, "{heard:?}");
}

#[test]
fn damage_is_seen() {
    let (registry, image) = with_image(1000);
    registry.rule(Rule::new("GET", "*/blobs/*", Fault::Damage));
    assert!(matches!(read_layer(settings(), &registry, &image), Err(SourceError::Corrupt { .. })));
    for reference in [format!("@{}", image.digest()), ":1".to_owned()] {
        for fault in [Fault::Damage, Fault::TruncateSilently(100), Fault::Body(b"{}".to_vec())] {
            registry.rule(Rule::new("GET", "*/manifests/*", fault.clone()));
            assert!(find(&registry, &reference).unwrap().is_some(), "a second try is allowed: {fault:?}");
            registry.rule(Rule::new("GET", "*/manifests/*", fault.clone()).times(4));
            let result = find(&registry, &reference);
            let Err(SourceError::Corrupt { digest, tries: 4, .. }) = result else { panic!("{result:?}") };
            assert_eq!(digest, *image.digest());
        }
    }
}

/// A blob that is copied is fetched again, so many times; a mirror that damages it is not asked for it twice.
#[test]
fn what_comes_damaged_is_fetched_again() {
    let copied =
        |settings: Settings, registry: &baler_test_registry::TestRegistry, image: &baler_test_registry::Image| {
            let (client, to) = (client(settings), empty());
            let (source, sink) =
                (source(&client, &registry.address(), "app"), support::sink(&client, &to.address(), "app"));
            let copied = transfer(&image.layers[0].0, &source, &sink, &mut |_| {});
            let is_there = to.blob("app", &image.layers[0].0.digest).is_some_and(|bytes| bytes == image.layers[0].1);
            assert_eq!((copied.is_ok(), to.uploads()), (is_there, 0));
            copied
        };
    let (registry, image) = with_image(LENGTH);
    registry.rule(Rule::new("GET", "*/blobs/*", Fault::Damage).times(2));
    let (settings, heard) = heard();
    copied(settings, &registry, &image).unwrap();
    let told = format!("sent blob {} damaged: its bytes have the digest sha256:", image.layers[0].0.digest);
    assert_eq!(heard.lock().unwrap().iter().filter(|text| text.contains(&told)).count(), 2, "{heard:?}");
    registry.clear_log();
    registry.rule(Rule::new("GET", "*/blobs/*", Fault::Damage).always());
    let failed = copied(support::settings(), &registry, &image);
    let is_told = matches!(&failed, Err(TransferError::Read(SourceError::Corrupt { tries: 3, .. })));
    assert!(is_told && registry.log().len() == 3, "{failed:?}");

    let (origin, image) = with_image(LENGTH);
    let mirrors = vec![baler_registry::Mirror { registry: "*".to_owned(), mirror: registry.address() }];
    registry.clear_log();
    let (settings, heard) = support::heard();
    copied(Settings { mirrors, ..settings }, &origin, &image).unwrap();
    assert_eq!((registry.log().len(), origin.log().len()), (1, 1));
    assert!(heard.lock().unwrap().iter().any(|text| text.contains("is left out: ")), "{heard:?}");
}

#[test]
fn headers_decide_nothing() {
    let (registry, image) = with_image(10);
    let wanted = Wanted::Exactly("linux/amd64".parse().unwrap());
    let tag = name(&format!("{}/app:1", registry.address()));
    for fault in [Fault::ContentType("text/html".to_owned()), Fault::NoDigestHeader, Fault::NoLength] {
        registry.clear_rules();
        registry.rule(Rule::new("*", "*", fault.clone()).always());
        let client = client(settings());
        let found = resolve(&tag, &wanted, &source(&client, &registry.address(), "app")).unwrap();
        assert_eq!(found.digest(), image.digest(), "{fault:?}");
        assert!(read_layer(settings(), &registry, &image).unwrap() == image.layers[0].1);
    }
    // A page of somebody who stands between.
    registry.clear_rules();
    let page = Fault::Answer(200, vec![("content-type", "text/html".to_owned())], b"<html>".to_vec());
    registry.rule(Rule::new("GET", "*/manifests/*", page).always());
    let Err(SourceError::Failed { source, .. }) = find(&registry, ":1") else { panic!() };
    let error: &RegistryError = source.downcast_ref().unwrap();
    assert!(matches!(error.root(), RegistryError::NotADocument { .. }), "{error:?}");
}

#[test]
fn errors_differ() {
    let (registry, _) = with_image(10);
    assert!(find(&registry, ":absent").unwrap().is_none());
    registry.rule(Rule::new("GET", "*/manifests/1", Fault::status(403)));
    assert!(matches!(find(&registry, ":1"), Err(SourceError::Refused { .. })));
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let found = source(&client(settings()), &nobody, "app").find(&name(&format!("{nobody}/app:1")));
    let Err(SourceError::Unreachable { source: error, .. }) = &found else { panic!("{found:?}") };
    let error: &RegistryError = error.downcast_ref().unwrap();
    assert!(matches!(error.root(), RegistryError::Connect { .. }), "{error:?}");
    let unknown = "registry.invalid";
    let found = source(&client(settings()), unknown, "app").find(&name(&format!("{unknown}/app:1")));
    let Err(SourceError::Unreachable { source: error, .. }) = &found else { panic!("{found:?}") };
    let error: &RegistryError = error.downcast_ref().unwrap();
    assert!(matches!(error.root(), RegistryError::HostNotFound { .. } | RegistryError::NameServer { .. }), "{error:?}");
}

#[test]
fn mirrors_come_first_and_the_registry_last() {
    use baler_registry::Mirror;
    let (origin, image) = with_image(1000);
    let (mirror, _) = with_image(1000);
    let (settings, heard) = heard();
    let mirrors = vec![Mirror { registry: "*".to_owned(), mirror: mirror.address() }];
    let client = client(Settings { mirrors, ..settings });
    let source = source(&client, &origin.address(), "app");
    let tagged = name(&format!("{}/app:1", origin.address()));
    assert!(source.find(&tagged).unwrap().is_some());
    assert!(origin.log().is_empty() && heard.lock().unwrap().is_empty());
    mirror.rule(Rule::new("GET", "*", Fault::status(404)).always());
    assert!(source.find(&tagged).unwrap().is_some());
    assert_eq!(source.document(&image.config.0).unwrap(), image.config.1);
    assert_eq!(origin.log().len(), 2);
    let mut heard = heard.lock().unwrap();
    assert!(heard.len() == 2 && heard[0].contains("did not answer: ") && heard[0].contains(&mirror.address()));
    heard.clear();
    drop(heard);
    // One that is gone is asked once.
    drop(mirror);
    for _ in 0..3 {
        assert!(source.find(&tagged).unwrap().is_some());
    }
    assert_eq!(origin.log().len(), 5);
}

#[test]
fn credentials_stay_at_home() {
    use baler_test_registry::{Auth, Options, TestRegistry, TokenServer, User};
    let users = vec![User::new("user", "password")];
    for auth in [Auth::Basic(users.clone()), Auth::Token(TokenServer::new(users.clone()))] {
        let registry = TestRegistry::start(Options { auth, ..Options::default() }).unwrap();
        let (other, image) = with_image(1000);
        registry.push_image("app", Some("1"), &image).unwrap();
        registry.rule(Rule::new("GET", "*/blobs/*", Fault::Redirect(format!("http://{}", other.address()))));
        let auth = format!(r#"{{"{}": "Basic dXNlcjpwYXNzd29yZA=="}}"#, registry.address());
        let settings = Settings { keychain: support::keychain(&auth), ..settings() };
        let source = source(&client(settings), &registry.address(), "app");
        source.find(&name(&format!("{}/app:1", registry.address()))).unwrap().unwrap();
        let mut bytes = Vec::new();
        source.blob(&image.layers[0].0).unwrap().read_to_end(&mut bytes).unwrap();
        assert!(bytes == image.layers[0].1);
        assert!(registry.log().iter().any(|request| request.authorization != Authorization::Absent));
        let log = other.log();
        assert!(log.len() == 1 && log[0].authorization == Authorization::Absent, "{log:?}");
    }
}

#[test]
fn requests_at_once_are_bounded() {
    let (registry, image) = with_image(1_000_000);
    registry.rule(Rule::new("GET", "*/blobs/*", Fault::Slow(Duration::from_millis(5))).always());
    let client = client(Settings { requests_at_once: 3, ..settings() });
    std::thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| {
                let mut bytes = Vec::new();
                let source = source(&Arc::clone(&client), &registry.address(), "app");
                source.blob(&image.layers[0].0).unwrap().read_to_end(&mut bytes).unwrap();
            });
        }
    });
    assert!(registry.peak() <= 3, "{}", registry.peak());
    // One thread may hold as many as it likes.
    let source = source(&client, &registry.address(), "app");
    let readers: Vec<_> = (0..5).map(|_| source.blob(&image.layers[0].0).unwrap()).collect();
    assert_eq!(readers.len(), 5);
}
