//! What goes wrong between a registry and us, each as a rule of a registry in this process.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panic, and says what it skips")]

mod support;

use std::io::Read as _;
use std::time::Duration;

use baler_image::{Digest, Sink as _, SinkError, Source as _, SourceError};
use baler_registry::{Mirror, Mounted, Settings};
use support::fake::{Fake, Fault};
use support::{Image, client, image, keychain, name, put, round_trip, settings, sink, source};

const LENGTH: usize = 12_000_000;

/// A registry that has an image as `app:1`.
fn with_image(length: usize) -> (Fake, Image) {
    let (fake, image) = (Fake::start(), image(length));
    let mut state = fake.state.lock().unwrap();
    state.blobs.insert(image.layer_at.digest.to_string(), image.layer.clone());
    state.blobs.insert(image.config_at.digest.to_string(), image.config.clone());
    let entry = (image.manifest_at.media_type.clone(), image.manifest.clone());
    state.manifests.insert("1".to_owned(), entry.clone());
    state.manifests.insert(image.manifest_at.digest.to_string(), entry);
    drop(state);
    (fake, image)
}

fn read_layer(fake: &Fake, image: &Image) -> Result<Vec<u8>, SourceError> {
    let mut bytes = Vec::new();
    let mut reader = source(&client(settings()), &fake.address, "app").blob(&image.layer_at)?;
    reader.read_to_end(&mut bytes).map_err(|error| error.downcast().unwrap())?;
    Ok(bytes)
}

fn find(fake: &Fake, reference: &str) -> Result<Option<baler_image::Found>, SourceError> {
    source(&client(settings()), &fake.address, "app").find(&name(&format!("{}/app{reference}", fake.address)))
}

#[test]
fn nothing_wrong() {
    let fake = Fake::start();
    round_trip(&client(settings()), &fake.address, "app");
    assert!(fake.state.lock().unwrap().uploads.is_empty(), "an upload was left");
}

#[test]
fn passing_statuses_are_tried_again_and_others_not() {
    for status in [408, 429, 500, 502, 503, 504] {
        let (fake, _) = with_image(10);
        fake.rule("GET", "/manifests/", 2, Fault::Status(status, String::new()));
        assert!(find(&fake, ":1").unwrap().is_some(), "{status}");
        assert_eq!(fake.asked().len(), 3);
    }
    for status in [403, 405, 501] {
        let (fake, _) = with_image(10);
        fake.rule("GET", "/manifests/", 9, Fault::Status(status, String::new()));
        assert!(find(&fake, ":1").is_err(), "{status}");
        assert_eq!(fake.asked().len(), 1);
    }
}

#[test]
fn errors_differ() {
    let (fake, _) = with_image(10);
    assert!(find(&fake, ":absent").unwrap().is_none());
    fake.rule("GET", "/manifests/1", 1, Fault::Status(403, String::new()));
    assert!(matches!(find(&fake, ":1"), Err(SourceError::Refused { .. })));
    fake.rule("GET", "/manifests/1", 1, Fault::Status(429, "retry-after: 3600\r\n".to_owned()));
    let limited = find(&fake, ":1");
    let hour = Duration::from_hours(1);
    assert!(matches!(limited, Err(SourceError::RateLimited { retry_after: Some(time), .. }) if time == hour));
    fake.rule("GET", "/manifests/1", 9, Fault::Status(500, String::new()));
    assert!(matches!(find(&fake, ":1"), Err(SourceError::Failed { .. })));
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let found = source(&client(settings()), &nobody, "app").find(&name(&format!("{nobody}/app:1")));
    assert!(matches!(found, Err(SourceError::Unreachable { .. })), "{found:?}");
}

#[test]
fn broken_downloads_go_on() {
    for knows_ranges in [true, false] {
        let (fake, image) = with_image(LENGTH);
        fake.state.lock().unwrap().knows_ranges = knows_ranges;
        fake.rule("GET", "/blobs/", 2, Fault::CutBody(5_000_000));
        fake.rule("GET", "/blobs/", 1, Fault::Hangup);
        assert!(read_layer(&fake, &image).unwrap() == image.layer);
    }
    let (fake, image) = with_image(LENGTH);
    fake.rule("GET", "/blobs/", 1, Fault::CutBody(1000));
    fake.rule("GET", "/blobs/", 99, Fault::CutBody(0));
    let result = read_layer(&fake, &image);
    assert!(matches!(result, Err(SourceError::Truncated { received: 1000, .. })), "{:?}", result.err());
}

#[test]
fn damage_is_seen() {
    let (fake, image) = with_image(1000);
    fake.rule("GET", "/blobs/", 1, Fault::Damage);
    assert!(matches!(read_layer(&fake, &image), Err(SourceError::Corrupt { .. })));
    let by_digest = format!("@{}", image.manifest_at.digest);
    fake.rule("GET", "/manifests/", 1, Fault::Damage);
    assert!(find(&fake, &by_digest).unwrap().is_some(), "a second try is allowed");
    fake.rule("GET", "/manifests/", 9, Fault::Damage);
    assert!(matches!(find(&fake, &by_digest), Err(SourceError::Corrupt { .. })));
}

#[test]
fn a_wrong_type_decides_nothing() {
    let (fake, image) = with_image(10);
    fake.rule("GET", "/manifests/", 1, Fault::WrongType);
    let wanted = baler_image::Wanted::Exactly("linux/amd64".parse().unwrap());
    let source = source(&client(settings()), &fake.address, "app");
    let found = baler_image::resolve(&name(&format!("{}/app:1", fake.address)), &wanted, &source).unwrap();
    assert_eq!(found.digest(), &image.manifest_at.digest);
}

#[test]
fn tokens_expire_in_the_middle() {
    let fake = Fake::start();
    fake.state.lock().unwrap().token_uses = Some(2);
    fake.rule("GET", "/token", 1, Fault::Status(503, String::new()));
    let auth = format!(r#"{{"{}": "Basic dXNlcjpwYXNzd29yZA=="}}"#, fake.address);
    round_trip(&client(Settings { keychain: keychain(&auth), ..settings() }), &fake.address, "app");
    let state = fake.state.lock().unwrap();
    assert!(state.log[0].2.is_none(), "the first request has no credentials");
    let basic = |authorization: &Option<String>| authorization.as_ref().is_some_and(|text| text.starts_with("Basic"));
    assert!(state.log.iter().all(|(_, path, sent)| basic(sent) == path.starts_with("/token")));
}

#[test]
fn credentials_stay_at_home() {
    let (fake, image) = with_image(1000);
    let (other, _) = with_image(1000);
    fake.state.lock().unwrap().token_uses = Some(99);
    let client = client(settings());
    let source = source(&client, &fake.address, "app");
    source.find(&name(&format!("{}/app:1", fake.address))).unwrap().unwrap();
    let to = format!("location: http://{}/v2/app/blobs/{}?signature=x\r\n", other.address, image.layer_at.digest);
    fake.rule("GET", "/blobs/", 1, Fault::Status(307, to));
    let mut bytes = Vec::new();
    source.blob(&image.layer_at).unwrap().read_to_end(&mut bytes).unwrap();
    assert!(bytes == image.layer);
    let log = &other.state.lock().unwrap().log;
    assert!(log.len() == 1 && log[0].2.is_none(), "{log:?}");
}

#[test]
fn uploads_are_taken_up_again() {
    for fault in [Fault::Hangup, Fault::HangupAfter, Fault::Status(503, String::new())] {
        for (method, path) in
            [("POST", "/uploads/"), ("PATCH", "/uploads/"), ("PUT", "/uploads/"), ("PUT", "/manifests/")]
        {
            let fake = Fake::start();
            fake.rule(method, path, 1, fault.clone());
            round_trip(&client(settings()), &fake.address, "app");
        }
    }
}

#[test]
fn a_forgotten_upload_is_its_own_error() {
    let fake = Fake::start();
    let (client, image) = (client(settings()), image(LENGTH));
    let sink = sink(&client, &fake.address, "app");
    fake.rule("PATCH", "/uploads/", 1, Fault::Status(404, String::new()));
    put(&sink, &image.layer, &image.layer_at).unwrap();
    let mut writer = sink.begin_blob().unwrap();
    std::io::Write::write_all(&mut writer, &image.layer).unwrap();
    fake.state.lock().unwrap().uploads.clear();
    let result = writer.commit(&image.layer_at.digest, image.layer_at.size);
    assert!(matches!(result, Err(SinkError::LostUpload { sent: 10_485_760, .. })), "{result:?}");
}

#[test]
fn a_wrong_digest_is_refused_and_nothing_is_left() {
    let fake = Fake::start();
    let (client, image) = (client(settings()), image(1000));
    let sink = sink(&client, &fake.address, "app");
    let mut writer = sink.begin_blob().unwrap();
    std::io::Write::write_all(&mut writer, &image.layer).unwrap();
    assert!(matches!(writer.commit(&Digest::of(b"other"), 1000), Err(SinkError::Failed { .. })));
    assert!(fake.state.lock().unwrap().uploads.is_empty());
}

#[test]
fn a_mount_that_is_not_one() {
    let fake = Fake::start();
    let (client, image) = (client(settings()), image(1000));
    let (to, from) = (sink(&client, &fake.address, "to"), sink(&client, &fake.address, "from"));
    let Mounted::Upload(mut writer) = to.mount_blob(&image.layer_at.digest, from.repository()).unwrap() else {
        panic!()
    };
    std::io::Write::write_all(&mut writer, &image.layer).unwrap();
    writer.commit(&image.layer_at.digest, image.layer_at.size).unwrap();
    assert_eq!(fake.asked().len(), 2);
    fake.rule("POST", "mount=", 1, Fault::Status(405, String::new()));
    assert!(matches!(to.mount_blob(&image.layer_at.digest, from.repository()).unwrap(), Mounted::No));
}

#[test]
fn mirrors_come_first_and_the_registry_last() {
    let (origin, image) = with_image(1000);
    let (mirror, _) = with_image(1000);
    let mirrors = vec![Mirror { registry: "*".to_owned(), mirror: mirror.address.clone() }];
    let client = client(Settings { mirrors, ..settings() });
    let source = source(&client, &origin.address, "app");
    let tagged = name(&format!("{}/app:1", origin.address));
    assert!(source.find(&tagged).unwrap().is_some());
    assert!(origin.asked().is_empty());
    mirror.rule("GET", "/", 99, Fault::Status(404, String::new()));
    assert!(source.find(&tagged).unwrap().is_some());
    assert_eq!(source.document(&image.config_at).unwrap(), image.config);
    assert_eq!(origin.asked().len(), 2);
}
