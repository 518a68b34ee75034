//! Daemons that are not there, not ours, not a daemon, or in trouble: each is an error of its own.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use baler_daemon::{Address, Daemon, DaemonError, DaemonSink, DaemonSource};
use baler_image::{Platform, ResolveError, SinkError, SourceError, Wanted, resolve};
use baler_store::{CopyError, copy_image};

use crate::fake::{Answers, serve};
use crate::images::Images;

const PING: &str = "HTTP/1.1 200 OK\r\napi-version: 1.41\r\ncontent-length: 2\r\nconnection: close\r\n\r\nOK";
const VERSION: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"Version\":\"1.2\"}";
const INFO: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
const INSPECTED: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"Id\":\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\",\"RepoTags\":[\"app:latest\"]}";

const OLD: &str = "HTTP/1.1 200 OK\r\napi-version: 1.12\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
const FULL: &str = "HTTP/1.1 500 Internal Server Error\r\nconnection: close\r\n\r\n{\"message\":\"disk is full\"}";

fn open(answers: Answers) -> (tempfile::TempDir, Result<Daemon, DaemonError>) {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("socket");
    serve(&socket, answers);
    let daemon = Daemon::open(&Address::Unix(socket));
    (directory, daemon)
}

#[test]
fn who_is_no_daemon_is_told_so() {
    let nowhere = Daemon::open(&Address::Unix("/nowhere/docker.sock".into())).unwrap_err();
    assert!(matches!(nowhere, DaemonError::Absent { .. }), "{nowhere:?}");
    assert_eq!(nowhere.to_string(), "no daemon answers at unix:///nowhere/docker.sock");
    let closed = Address::parse("tcp://127.0.0.1:1", None).unwrap();
    assert!(matches!(Daemon::open(&closed).unwrap_err(), DaemonError::Absent { .. }));
    let (_directory, other) = open(&[("/_ping", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")]);
    assert!(matches!(other, Err(DaemonError::NotADaemon { .. })), "{other:?}");
    let (_directory, other) = open(&[]);
    assert!(matches!(other, Err(DaemonError::NotADaemon { .. })), "{other:?}");
    let (_directory, garbage) = open(&[("/_ping", "SSH-2.0-OpenSSH\r\n\r\n")]);
    assert!(matches!(garbage, Err(DaemonError::NotADaemon { .. } | DaemonError::Broken { .. })), "{garbage:?}");
    let (_directory, old) = open(&[("/_ping", OLD)]);
    assert!(matches!(old, Err(DaemonError::TooOld { .. })), "{old:?}");
}

#[test]
fn a_socket_of_others() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("socket");
    serve(&socket, &[("/_ping", PING)]);
    fs_err::set_permissions(&socket, PermissionsExt::from_mode(0o000)).unwrap();
    match Daemon::open(&Address::Unix(socket)) {
        Err(DaemonError::NotAllowed { .. }) => {}
        // Root may use it, and learns that there is nothing more.
        Err(DaemonError::Api { .. }) => eprintln!("SKIP: needs an ordinary user"),
        other => panic!("{other:?}"),
    }
}

fn result(answers: Answers) -> Result<baler_image::ResolvedImage, ResolveError> {
    let (directory, daemon) = open(answers);
    let source = DaemonSource::new(Arc::new(daemon.unwrap()), directory.path());
    resolve(&"app".parse().unwrap(), &Wanted::Preferably(Platform::new("linux", "amd64")), &source)
}

/// The daemon's error behind one of resolution.
fn cause(error: ResolveError) -> String {
    match error {
        ResolveError::Source { source: SourceError::Failed { source, .. }, .. } => source.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_words_of_the_daemon_are_passed_on() {
    let answers: Answers = &[("/_ping", PING), ("/version", VERSION), ("/info", INFO), ("/json", FULL)];
    let error = result(answers).unwrap_err();
    assert_eq!(cause(error), "the daemon refused to inspect an image (500): disk is full");
    // Not there when it was inspected is another thing than not there when it is exported.
    let answers: Answers = &[("/_ping", PING), ("/version", VERSION), ("/info", INFO), ("/json", INSPECTED)];
    let error = result(answers).unwrap_err();
    assert!(cause(error).starts_with("the daemon refused to export an image (404)"));
}

#[test]
fn an_export_that_breaks_off_is_no_image() {
    const CUT: &str = "HTTP/1.1 200 OK\r\ncontent-length: 99999\r\nconnection: close\r\n\r\nabc";
    const NO_TAR: &str = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\nconnection: close\r\n\r\nabc";
    const NOTHING: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let cut = result(&[("/_ping", PING), ("/version", VERSION), ("/info", INFO), ("/json", INSPECTED), ("/get", CUT)]);
    cause(cut.unwrap_err());
    let bad: Answers =
        &[("/_ping", PING), ("/version", VERSION), ("/info", INFO), ("/json", INSPECTED), ("/get", NO_TAR)];
    assert_eq!(cause(result(bad).unwrap_err()), "could not read what the daemon exported");
    let empty: Answers =
        &[("/_ping", PING), ("/version", VERSION), ("/info", INFO), ("/json", INSPECTED), ("/get", NOTHING)];
    assert_eq!(cause(result(empty).unwrap_err()), "could not read what the daemon exported");
}

#[test]
fn an_image_that_was_not_taken_is_not_written() {
    const TROUBLE: &str =
        "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"stream\":\"x\"}\n{\"error\":\"no space left\"}";
    const LOST: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"stream\":\"x\"}";
    let images = Images::new();
    let image = images.image("amd64", &["one"]);
    let write = |answers: Answers| {
        let (directory, daemon) = open(answers);
        let source = Arc::new(DaemonSource::new(Arc::new(daemon.unwrap()), directory.path()));
        let sink = DaemonSink::new(source, directory.path());
        match copy_image(&image, &images.layout, &sink, &"app".parse().unwrap(), &|_| ()) {
            Err(CopyError::Write { source: SinkError::WriteImage { source, .. }, .. }) => source.to_string(),
            other => panic!("{other:?}"),
        }
    };
    let answers: Answers = &[("/_ping", PING), ("/version", VERSION), ("/info", INFO), ("/load", TROUBLE)];
    assert_eq!(write(answers), "the daemon refused to load an image (200): no space left");
    let answers: Answers = &[("/_ping", PING), ("/version", VERSION), ("/info", INFO), ("/load", LOST)];
    let id = baler_image::Digest::of(image.raw_config());
    assert_eq!(write(answers), format!("the daemon took the image, but does not have it as {id}"));
}
