//! Buildpacks from elsewhere than the builder: each form in which they come.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use baler_layer::tar::{Attributes, Owner, TarWriter};

use crate::support::{Outcome, Place, User, application, buildpack, outcome, users, write};

const SAY: &str = "echo \"[${0%/bin/build}]\"";

/// A place with a builder of `one`, and the buildpacks `two` and `three` beside it.
fn place(user: User) -> Option<Place> {
    let place = Place::with_builder(user, &["one"])?;
    for name in ["one", "two", "three"] {
        buildpack(&place, name, "exit 0", SAY);
    }
    application(&place, &[("file", "x")]);
    place.create_builder();
    Some(place)
}

/// `all`, a composite of `two` and `three`, as a package.toml.
fn composite(place: &Place) {
    let element = |name: &str| format!("[[order.group]]\nid = \"test/{name}\"\nversion = \"1\"\n");
    let text = format!(
        "api = \"0.12\"\n[buildpack]\nid = \"test/all\"\nversion = \"1\"\n[[order]]\n{}{}",
        element("two"),
        element("three")
    );
    write(&place.path().join("all/buildpack.toml"), &text);
    let config = "[buildpack]\nuri = \"all\"\n[[dependencies]]\nuri = \"two\"\n[[dependencies]]\nuri = \"three\"\n";
    write(&place.path().join("package.toml"), config);
}

/// The buildpacks that ran, in order.
fn ran(outcome: &Outcome) -> Vec<String> {
    let name = |line: &str| line.strip_prefix("[/cnb/buildpacks/test_")?.strip_suffix("/1]").map(str::to_owned);
    outcome.stdout.lines().filter_map(name).collect()
}

/// Packs a directory as people do who have their own ideas of modes.
pub(crate) fn archive(directory: &Path) -> Vec<u8> {
    let mut tar = TarWriter::new(Vec::new());
    let attributes = |mode| Attributes { mode, owner: Owner::new(501, 20), mtime: 1_577_836_800 };
    for name in ["bin/build", "bin/detect", "buildpack.toml"] {
        let bytes = std::fs::read(directory.join(name)).unwrap();
        tar.file_of_bytes(&Path::new(".").join(name), &attributes(0o600), &bytes).unwrap();
    }
    tar.finish().unwrap()
}

#[test]
fn archives_and_packages_for_every_user() {
    for user in users() {
        let Some(place) = place(user) else { return };
        composite(&place);
        std::fs::write(place.path().join("two.tar"), archive(&place.path().join("two"))).unwrap();
        let package = |name: &str, more: &[&str]| {
            place.run(&[&["buildpack", "package", name, "--config", "package.toml"], more].concat()).success();
        };
        package("all", &["--format", "file"]);
        package("all:1", &[]);
        package("oci:layout:1", &[]);
        let expected: [(&str, &[&str]); 6] = [
            ("two.tar", &["two"]),
            ("all.cnb", &["two", "three"]),
            ("docker://all:1", &["two", "three"]),
            ("oci:layout:1", &["two", "three"]),
            ("two,from=builder,three", &["two", "one", "three"]),
            ("urn:cnb:builder:test/one@1", &["one"]),
        ];
        for (locator, expected) in expected {
            let built = place.build(&["--buildpack", locator]).success();
            assert_eq!(ran(&built), expected, "{locator} as {user:?}");
        }
        let around = place.build(&["--pre-buildpack", "two.tar", "--post-buildpack", "three"]).success();
        assert_eq!(ran(&around), ["two", "one", "three"], "{user:?}");
    }
}

#[test]
fn a_file_is_read_again_only_when_it_has_changed() {
    let Some(place) = place(User::Caller) else { return };
    let file = place.path().join("two.tar");
    std::fs::write(&file, archive(&place.path().join("two"))).unwrap();
    place.build(&["-b", "two.tar"]).success();
    // What is remembered does not need the file's content, only that it is the same file.
    let unpacked = || {
        let layers = std::fs::read_dir(place.store().join("layers")).unwrap();
        layers.map(|key| std::fs::read_dir(key.unwrap().path()).map_or(0, Iterator::count)).sum::<usize>()
    };
    let before = unpacked();
    place.build(&["-b", "two.tar"]).success();
    assert_eq!(unpacked(), before);
    buildpack(&place, "two", "exit 0", &format!("{SAY}; echo changed"));
    std::fs::write(&file, archive(&place.path().join("two"))).unwrap();
    let changed = place.build(&["-b", "two.tar"]).success();
    assert!(changed.stdout.contains("changed"), "{}", changed.stdout);
    // It goes with its file.
    std::fs::remove_file(&file).unwrap();
    let pruned = place.run(&["prune"]).success();
    assert!(pruned.stdout.contains("1 caches") || pruned.stdout.contains("1 cache"), "{}", pruned.stdout);
}

#[test]
fn programs_of_a_directory_need_not_be_executable() {
    let Some(place) = place(User::Caller) else { return };
    let program = place.path().join("two/bin/build");
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    assert_eq!(ran(&place.build(&["-b", "two"]).success()), ["two"]);
}

#[test]
fn a_directory_brings_what_its_package_toml_depends_on() {
    let Some(place) = place(User::Caller) else { return };
    composite(&place);
    let config = "[buildpack]\nuri = \".\"\n[[dependencies]]\nuri = \"../two\"\n[[dependencies]]\nuri = \"../three\"\n";
    write(&place.path().join("all/package.toml"), config);
    assert_eq!(ran(&place.build(&["-b", "all"]).success()), ["two", "three"]);
}

/// Serves one file, with an entity tag; counts how often it was sent whole.
pub(crate) fn serve(file: Vec<u8>) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/two.tar", listener.local_addr().unwrap());
    let sent = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&sent);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let (mut request, mut buffer) = (String::new(), [0; 1024]);
            while !request.contains("\r\n\r\n") {
                match stream.read(&mut buffer) {
                    Ok(0) | Err(_) => break,
                    Ok(length) => request.push_str(&String::from_utf8_lossy(&buffer[..length])),
                }
            }
            let answer = if !request.starts_with("GET /two.tar ") {
                b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_vec()
            } else if request.to_lowercase().contains("if-none-match: \"v1\"") {
                b"HTTP/1.1 304 Not Modified\r\nconnection: close\r\n\r\n".to_vec()
            } else {
                count.fetch_add(1, Ordering::SeqCst);
                let head = format!(
                    "HTTP/1.1 200 OK\r\netag: \"v1\"\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    file.len()
                );
                [head.as_bytes(), &file].concat()
            };
            let _ = stream.write_all(&answer);
        }
    });
    (url, sent)
}

#[test]
fn a_url_is_downloaded_once() {
    let Some(place) = place(User::Caller) else { return };
    let (url, sent) = serve(archive(&place.path().join("two")));
    for _ in 0..2 {
        assert_eq!(ran(&place.build(&["-b", &url]).success()), ["two"]);
    }
    assert_eq!(sent.load(Ordering::SeqCst), 1);
    let absent = url.replace("two.tar", "absent").replace("http://", "http://name:secret@");
    let failed = place.build(&["-b", &absent]).failure(1);
    assert!(failed.stderr.contains("the server answered 404"), "{}", failed.stderr);
    assert!(failed.stderr.contains("hint: is the address right?\n  hint: fetched in another way"), "{}", failed.stderr);
    assert!(!failed.stderr.contains("secret"), "{}", failed.stderr);
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let failed = place.build(&["-b", &format!("http://{nobody}/x.tgz")]).failure(1).stderr;
    assert!(failed.contains(&format!("hint: does a server run at {nobody}?")), "{failed}");
    let failed = place.build(&["-b", "https:///x.tgz"]).failure(1).stderr;
    assert!(failed.contains("'https:///x.tgz' is no address of a file"), "{failed}");
    let mut command =
        place.command(&["build", "app", "-B", "builder", "-p", "app", "-b", "https://files.example/x.tgz"]);
    let failed = outcome(command.env("https_proxy", "http://me:s3cret@127.0.0.1:1")).failure(1).stderr;
    assert!(failed.contains("the proxy 127.0.0.1:1 cannot be reached"), "{failed}");
    assert!(failed.contains("hint: see https_proxy and http_proxy") && !failed.contains("s3cret"), "{failed}");
}

#[test]
fn what_is_no_buildpack_is_told_as_such() {
    let Some(place) = place(User::Caller) else { return };
    let mut tar = TarWriter::new(Vec::new());
    tar.file_of_bytes(Path::new("../../escape"), &Attributes::new(0o644, Owner::ROOT), b"x").unwrap();
    let text = std::fs::read(place.path().join("two/buildpack.toml")).unwrap();
    tar.file_of_bytes(Path::new("buildpack.toml"), &Attributes::new(0o644, Owner::ROOT), &text).unwrap();
    std::fs::write(place.path().join("hostile.tar"), tar.finish().unwrap()).unwrap();
    let mut whole = archive(&place.path().join("two"));
    whole.truncate(700);
    std::fs::write(place.path().join("short.tar"), whole).unwrap();
    write(&place.path().join("text"), &"no archive\n".repeat(200));
    std::fs::create_dir(place.path().join("empty")).unwrap();
    let cases = [
        ("hostile.tar", "which leads out of it"),
        ("short.tar", "is no archive: tar, plain or compressed with gzip or zstd"),
        ("text", "is no archive: tar, plain or compressed with gzip or zstd"),
        ("empty", "has no buildpack.toml"),
        ("./absent", "'./absent' does not exist"),
        ("absent/name", "community's registry of buildpacks, which is not supported"),
        ("urn:cnb:registry:a/b@1.0.0", "community's registry of buildpacks, which is not supported"),
        ("urn:cnb:builder:absent", "'urn:cnb:builder:absent' is not a valid identifier"),
        ("docker://builder", "'builder' is no buildpack package: could not find label"),
        ("ftp://host/x", "unsupported protocol 'ftp'"),
        ("from=builder,from=builder", "buildpacks from builder can only be defined once"),
    ];
    for (locator, expected) in cases {
        let failed = place.build(&["-b", locator]).failure(1);
        assert!(failed.stderr.starts_with("ERROR: failed to build: "), "{}", failed.stderr);
        assert!(failed.stderr.contains(expected), "{locator}: {}", failed.stderr);
    }
    assert!(!place.path().parent().unwrap().join("escape").exists());
}

#[test]
fn a_builder_of_packages_and_archives_builds() {
    for user in users() {
        let Some(place) = place(user) else { return };
        composite(&place);
        place.run(&["buildpack", "package", "all.cnb", "--format", "file", "--config", "package.toml"]).success();
        std::fs::write(place.path().join("two.tar"), archive(&place.path().join("two"))).unwrap();
        let images = "[build]\nimage = \"test-build\"\n[[run.images]]\nimage = \"test-run\"\n";
        let order = "[[order]]\n[[order.group]]\nid = \"test/all\"\n[[order.group]]\nid = \"test/one\"\n";
        let sources = ["all.cnb", "one"].map(|uri| format!("[[buildpacks]]\nuri = \"{uri}\"\n")).concat();
        write(&place.path().join("builder.toml"), &format!("{images}{sources}{order}"));
        place.create_builder();
        assert_eq!(ran(&place.build(&[]).success()), ["two", "three", "one"], "{user:?}");
        let inspected = place.run(&["inspect", "--local", "builder", "-o", "json"]).success();
        let value: serde_json::Value = serde_json::from_str(&inspected.stdout).unwrap();
        assert_eq!(value["local_info"]["labels"]["io.buildpacks.builder.metadata"]["buildpacks"][0]["id"], "test/all");
        // An archive and its directory make the same layer.
        let layer = |uri: &str| {
            let config = format!("{images}[[buildpacks]]\nuri = \"{uri}\"\n");
            write(&place.path().join("builder.toml"), &config);
            place.run(&["builder", "create", "other", "--config", "builder.toml"]).success();
            let inspected = place.run(&["inspect", "--local", "other", "-o", "json"]).success();
            let value: serde_json::Value = serde_json::from_str(&inspected.stdout).unwrap();
            value["local_info"]["labels"]["io.buildpacks.buildpack.layers"]["test/two"]["1"]["layerDiffID"].clone()
        };
        assert!(layer("two.tar").is_string() && layer("two").is_string());
    }
}
