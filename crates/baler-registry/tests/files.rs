//! Blobs that go up from a file which still grows.

#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

mod support;

use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use baler_image::{Digest, SinkError};
use baler_registry::RegistrySink;
use baler_test_registry::{Fault, Rule, TestRegistry, noise};
use support::real::Registry;
use support::{LENGTH, client, empty, faults_of_uploads, heard, settings, sink};

/// What is written when the first piece is sent, which is all of that.
const FIRST: usize = 9_000_000;

#[expect(clippy::unnecessary_wraps, reason = "others end it")]
fn go_on(_: u64) -> io::Result<()> {
    Ok(())
}

/// Sends noise from a file that is as long as [`FIRST`] before the rest of it is written.
fn send(sink: &RegistrySink, watch: &(dyn Fn(u64) -> io::Result<()> + Sync)) -> io::Result<Digest> {
    let bytes = noise(LENGTH);
    let mut writer = tempfile::NamedTempFile::new().unwrap();
    let file = fs_err::File::open(writer.path()).unwrap();
    let mut upload = sink.begin_file();
    writer.write_all(&bytes[..1000]).unwrap();
    upload.send_piece(&file, 1000, watch)?;
    assert_eq!(upload.sent(), 0, "so little is not sent");
    writer.write_all(&bytes[1000..FIRST]).unwrap();
    assert!(upload.wanted() <= FIRST as u64);
    upload.send_piece(&file, FIRST as u64, watch)?;
    assert_eq!(upload.sent(), FIRST as u64);
    writer.write_all(&bytes[FIRST..]).unwrap();
    let digest = Digest::of(&bytes);
    upload.commit(&file, (&digest, LENGTH as u64), watch).map(|()| digest)
}

fn assert_there(registry: &TestRegistry, digest: &Digest) {
    assert!(registry.blob("app", digest).unwrap() == noise(LENGTH), "it came changed");
}

fn received(registry: &TestRegistry) -> u64 {
    registry.log().iter().map(|request| request.received).sum()
}

#[test]
fn faults_on_the_way() {
    for fault in faults_of_uploads() {
        for (method, after) in [("POST", 0), ("PATCH", 0), ("PATCH", 1), ("PUT", 0)] {
            let registry = empty();
            registry.rule(Rule::new(method, "*/uploads/*", fault.clone()).after(after));
            let digest = send(&sink(&client(settings()), &registry.address(), "app"), &go_on).unwrap();
            assert_there(&registry, &digest);
            // Nobody knows of one whose beginning was not answered.
            assert!(registry.uploads() == 0 || method == "POST", "{method} {fault:?}: an upload was left");
        }
    }
}

#[test]
fn what_has_arrived_is_not_sent_again() {
    let registry = empty();
    registry.rule(Rule::new("PATCH", "*", Fault::ResetReceiving(4_000_000)));
    registry.rule(Rule::new("PATCH", "*", Fault::ResetUnanswered));
    let (settings, heard) = heard();
    let furthest = AtomicU64::new(0);
    let watch = |read| {
        furthest.fetch_max(read, Ordering::Relaxed);
        Ok(())
    };
    let digest = send(&sink(&client(settings), &registry.address(), "app"), &watch).unwrap();
    assert_there(&registry, &digest);
    assert_eq!(received(&registry), LENGTH as u64, "{:#?}", registry.log());
    assert_eq!(heard.lock().unwrap().len(), 2, "{heard:?}");
    assert!(furthest.into_inner() > FIRST as u64);
}

#[test]
fn a_forgotten_upload_is_its_own_error() {
    // Of the first piece all is here: it is begun anew.
    let registry = empty();
    registry.rule(Rule::new("PATCH", "*", Fault::ForgetUpload));
    let digest = send(&sink(&client(settings()), &registry.address(), "app"), &go_on).unwrap();
    assert_there(&registry, &digest);
    for (method, after, expected) in [("PATCH", 1, FIRST), ("PUT", 0, LENGTH)] {
        let registry = empty();
        registry.rule(Rule::new(method, "*/uploads/*", Fault::ForgetUpload).after(after));
        let error = send(&sink(&client(settings()), &registry.address(), "app"), &go_on).unwrap_err();
        let error: SinkError = error.downcast().unwrap();
        assert!(matches!(error, SinkError::LostUpload { sent, .. } if sent == expected as u64), "{error:?}");
    }
}

#[test]
fn who_does_not_want_it_any_more_ends_it() {
    let registry = empty();
    let (settings, heard) = heard();
    let is_enough = AtomicBool::new(false);
    let watch = |read| {
        is_enough.fetch_or(read > 5_000_000, Ordering::Relaxed);
        if is_enough.load(Ordering::Relaxed) { Err(io::Error::other("enough")) } else { Ok(()) }
    };
    let error = send(&sink(&client(settings), &registry.address(), "app"), &watch).unwrap_err();
    assert_eq!(error.to_string(), "enough");
    assert!(received(&registry) < FIRST as u64);
    assert_eq!(registry.uploads(), 0);
    assert!(heard.lock().unwrap().is_empty(), "it was tried again: {heard:?}");
}

#[test]
fn longer_pieces_where_they_are_wanted() {
    let registry = empty();
    let begun = ureq::post(format!("http://{}/v2/app/blobs/uploads/", registry.address())).send_empty().unwrap();
    let location = begun.headers()["location"].to_str().unwrap().to_owned();
    // The registry's own answer to POST, with the header that it does not send.
    let headers = vec![("location", location), ("oci-chunk-min-length", "11000000".to_owned())];
    registry.rule(Rule::new("POST", "*", Fault::Status(202, headers)));
    let client = client(settings());
    let sink = sink(&client, &registry.address(), "app");
    let mut upload = sink.begin_file();
    let (bytes, mut writer) = (noise(LENGTH), tempfile::NamedTempFile::new().unwrap());
    let file = fs_err::File::open(writer.path()).unwrap();
    writer.write_all(&bytes).unwrap();
    upload.send_piece(&file, FIRST as u64, &go_on).unwrap();
    assert_eq!((upload.sent(), upload.wanted()), (0, 11_000_000));
    let digest = Digest::of(&bytes);
    upload.commit(&file, (&digest, LENGTH as u64), &go_on).unwrap();
    assert_there(&registry, &digest);
}

#[test]
fn to_a_real_registry() {
    let Some(registry) = Registry::start(|_| (String::new(), String::new())) else { return };
    let client = client(settings());
    let sink = sink(&client, &registry.address, "team/app");
    let digest = send(&sink, &go_on).unwrap();
    let source = support::source(&client, &registry.address, "team/app");
    let descriptor = baler_image::Descriptor::new("", LENGTH as u64, digest);
    let mut reader = baler_image::Source::blob(&source, &descriptor).unwrap();
    assert_eq!(io::copy(&mut reader, &mut io::sink()).unwrap(), LENGTH as u64);
}

/// The file has what was sent in vain, and is sent whole when it is complete.
#[test]
fn a_registry_that_takes_no_pieces() {
    for after in [0, 1] {
        let registry = empty();
        registry.rule(Rule::new("PATCH", "*", Fault::status(400)).after(after).always());
        let bytes = noise(LENGTH);
        let file = tempfile::NamedTempFile::new().unwrap();
        fs_err::write(file.path(), &bytes).unwrap();
        let file = fs_err::File::open(file.path()).unwrap();
        let client = client(settings());
        let mut upload = sink(&client, &registry.address(), "app").begin_file();
        upload.send_piece(&file, FIRST as u64, &go_on).unwrap();
        assert_eq!(upload.sent(), if after == 0 { 0 } else { FIRST as u64 });
        let digest = Digest::of(&bytes);
        upload.commit(&file, (&digest, LENGTH as u64), &go_on).unwrap();
        assert_there(&registry, &digest);
        assert_eq!(registry.uploads(), 0, "{:#?}", registry.lines());
        // The next one is not tried in pieces.
        registry.clear_log();
        let upload = sink(&client, &registry.address(), "other").begin_file();
        assert_eq!(upload.wanted(), u64::MAX);
        upload.commit(&file, (&digest, LENGTH as u64), &go_on).unwrap();
        assert_eq!(registry.lines().len(), 2, "{:#?}", registry.lines());
    }
}
