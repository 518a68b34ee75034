//! What goes wrong while images are written.

mod support;

use std::io::Write as _;

use baler_image::{Digest, Progress, Sink as _, SinkError, Transferred, transfer};
use baler_registry::Mounted;
use baler_test_registry::{Fault, Options, Rule, TestRegistry};
use support::{
    LENGTH, client, empty, faults_of_uploads, heard, image, put, round_trip, settings, sink, source, with_image,
};

#[test]
fn nothing_wrong() {
    let registry = empty();
    round_trip(&client(settings()), &registry.address(), "app");
    assert_eq!(registry.uploads(), 0, "an upload was left");
}

#[test]
fn uploads_are_taken_up_again() {
    for fault in faults_of_uploads() {
        for (method, path) in
            [("POST", "*/uploads/"), ("PATCH", "*/uploads/*"), ("PUT", "*/uploads/*"), ("PUT", "*/manifests/*")]
        {
            let registry = empty();
            registry.rule(Rule::new(method, path, fault.clone()));
            round_trip(&client(settings()), &registry.address(), "app");
        }
    }
}

#[test]
fn what_has_arrived_is_not_sent_again() {
    let registry = empty();
    registry.rule(Rule::new("PATCH", "*", Fault::ResetReceiving(4_000_000)));
    registry.rule(Rule::new("PATCH", "*", Fault::ResetUnanswered));
    let (settings, heard) = heard();
    let image = image(LENGTH);
    put(&sink(&client(settings), &registry.address(), "app"), &image.layers[0]).unwrap();
    let received: u64 = registry.log().iter().map(|request| request.received).sum();
    assert_eq!(received, LENGTH as u64, "{:#?}", registry.log());
    assert_eq!(heard.lock().unwrap().len(), 2, "{heard:?}");
}

#[test]
fn a_forgotten_upload_is_its_own_error() {
    let registry = empty();
    let (client, image) = (client(settings()), image(LENGTH));
    let sink = sink(&client, &registry.address(), "app");
    registry.rule(Rule::new("PATCH", "*", Fault::status(404)));
    put(&sink, &image.layers[0]).unwrap();
    let other = support::image(LENGTH + 1);
    let mut writer = sink.begin_blob().unwrap();
    writer.write_all(&other.layers[0].1).unwrap();
    registry.forget_uploads();
    let result = writer.commit(&other.layers[0].0.digest, other.layers[0].0.size);
    assert!(matches!(result, Err(SinkError::LostUpload { sent: 10_485_760, .. })), "{result:?}");
}

#[test]
fn a_forgotten_blob_is_sent_again() {
    let (from, image) = with_image(LENGTH);
    let to = empty();
    to.rule(Rule::new("PATCH", "*", Fault::ForgetUpload).after(1));
    to.rule(Rule::new("PUT", "*/uploads/*", Fault::ForgetUpload));
    let (settings, heard) = heard();
    let client = client(settings);
    let (source, sink) = (source(&client, &from.address(), "app"), sink(&client, &to.address(), "app"));
    let mut started = 0;
    let mut tell = |progress| started += u32::from(progress == Progress::Started);
    let transferred = transfer(&image.layers[0].0, &source, &sink, &mut tell).unwrap();
    assert_eq!((transferred, started), (Transferred::Sent, 3));
    assert_eq!(to.blob("app", &image.layers[0].0.digest).unwrap(), image.layers[0].1);
    let heard = heard.lock().unwrap();
    assert!(heard.iter().filter(|text| text.contains("forgot an upload after ")).count() == 2, "{heard:?}");
}

#[test]
fn a_wrong_digest_is_refused_and_nothing_is_left() {
    let registry = empty();
    let (client, image) = (client(settings()), image(1000));
    let sink = sink(&client, &registry.address(), "app");
    let mut writer = sink.begin_blob().unwrap();
    writer.write_all(&image.layers[0].1).unwrap();
    assert!(matches!(writer.commit(&Digest::of(b"other"), 1000), Err(SinkError::Failed { .. })));
    assert_eq!(registry.uploads(), 0);
}

#[test]
fn a_mount_that_is_one() {
    let (registry, image) = with_image(1000);
    let client = client(settings());
    let (from, to) = (source(&client, &registry.address(), "app"), sink(&client, &registry.address(), "to"));
    let transferred = transfer(&image.layers[0].0, &from, &to, &mut |_| {}).unwrap();
    assert_eq!(transferred, Transferred::Present);
    assert_eq!(registry.lines(), ["POST /v2/to/blobs/uploads/"]);
    assert!(registry.blob("to", &image.layers[0].0.digest).is_some());
}

#[test]
fn a_mount_that_is_not_one() {
    let (registry, image) = with_image(1000);
    let client = client(settings());
    let (from, to) = (source(&client, &registry.address(), "app"), sink(&client, &registry.address(), "to"));
    for fault in [Fault::NoMount, Fault::status(405), Fault::status(404), Fault::status(403)] {
        registry.clear_log();
        registry.rule(Rule::new("POST", "*?mount=*", fault));
        let to = sink(&client, &registry.address(), &format!("to{}", registry.repositories().len()));
        assert_eq!(transfer(&image.layers[0].0, &from, &to, &mut |_| {}).unwrap(), Transferred::Sent);
        assert_eq!(registry.uploads(), 0);
    }
    registry.rule(Rule::new("POST", "*?mount=*", Fault::NoMount));
    let Mounted::Upload(mut writer) =
        to.mount_blob(&image.layers[0].0.digest, &baler_registry::Repository::new(&registry.address(), "app")).unwrap()
    else {
        panic!()
    };
    registry.clear_log();
    writer.write_all(&image.layers[0].1).unwrap();
    writer.commit(&image.layers[0].0.digest, image.layers[0].0.size).unwrap();
    assert_eq!(registry.log().len(), 1, "the upload that was begun is used");
}

#[test]
fn a_registry_without_head() {
    let (registry, image) = with_image(1000);
    registry.rule(Rule::new("HEAD", "*", Fault::status(405)).times(2));
    // A store whose addresses are signed for GET.
    registry.rule(Rule::new("HEAD", "*", Fault::status(403)).always());
    let sink = sink(&client(settings()), &registry.address(), "app");
    assert!(sink.has_blob(&image.layers[0].0.digest).unwrap());
    assert!(!sink.has_blob(&Digest::of(b"absent")).unwrap());
    assert!(sink.has_blob(&image.layers[0].0.digest).unwrap());
    assert!(!sink.has_blob(&Digest::of(b"absent")).unwrap());
    assert!(registry.log().iter().map(|request| request.sent).sum::<u64>() < 1000, "it is not fetched to be looked at");
}

/// GitHub's registry takes no longer pieces than 4 MiB, Google's none at all: a blob is sent whole then, and so are all others.
#[test]
fn a_registry_that_takes_no_pieces() {
    for (status, after) in [(416, 0), (405, 0), (413, 0), (400, 1)] {
        let registry = empty();
        registry.rule(Rule::new("PATCH", "*", Fault::status(status)).after(after).always());
        let (settings, heard) = heard();
        let (client, image, from) = (client(settings), image(LENGTH), empty());
        from.put_blob("from", &image.layers[0].1).unwrap();
        let (sink, source) = (sink(&client, &registry.address(), "app"), source(&client, &from.address(), "from"));
        let (layer, bytes) = &image.layers[0];
        let sent = transfer(layer, &source, &sink, &mut |_| ()).unwrap();
        assert_eq!(sent, Transferred::Sent);
        assert!(registry.blob("app", &layer.digest).unwrap() == *bytes, "{status}");
        // The next one is not tried in pieces, and survives what others do.
        let faults = [Fault::ResetBefore, Fault::ResetReceiving(3_000_000), Fault::ResetUnanswered, Fault::status(503)];
        for (number, fault) in faults.into_iter().enumerate() {
            registry.clear_log();
            registry.rule(Rule::new("PUT", "*/uploads/*", fault));
            let other = support::image(LENGTH + number + 1);
            put(&sink, &other.layers[0]).unwrap();
            assert!(registry.lines().iter().all(|line| !line.starts_with("PATCH")), "{:#?}", registry.lines());
        }
        assert_eq!(registry.uploads(), 0, "{status}: an upload was left: {:#?}", registry.lines());
        let told = format!("{} takes no pieces of blobs: they are sent whole from now on", registry.address());
        assert_eq!(heard.lock().unwrap().iter().filter(|text| **text == told).count(), 1, "{heard:?}");
    }
}

#[test]
fn larger_chunks_where_they_are_wanted() {
    let registry = TestRegistry::start(Options::default()).unwrap();
    let headers = |location: String| vec![("location", location), ("oci-chunk-min-length", "8000000".to_owned())];
    let client = client(settings());
    // The registry's own answer to POST, with the header that it does not send.
    put(&sink(&client, &registry.address(), "app"), &support::image(10).layers[0]).unwrap();
    let begun = ureq::post(format!("http://{}/v2/app/blobs/uploads/", registry.address())).send_empty().unwrap();
    let location = begun.headers()["location"].to_str().unwrap().to_owned();
    registry.rule(Rule::new("POST", "*", Fault::Status(202, headers(location))));
    registry.clear_log();
    put(&sink(&client, &registry.address(), "app"), &image(LENGTH).layers[0]).unwrap();
    let first = registry.log().into_iter().find(|request| request.method == "PATCH").unwrap();
    assert_eq!(first.received, 8_000_000);
}
