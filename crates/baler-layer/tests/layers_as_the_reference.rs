//! Layers whose diffIDs were recorded from the reference implementations: lifecycle 0.21.17 and pack 0.40.6.
#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::print_stdout, reason = "a test may panic and print")]

mod fixture;

use std::io::{self, Write};
use std::path::Path;

use baler_layer::directory::DirectoryLayer;
use baler_layer::module::ModuleLayer;
use baler_layer::sink::hash_only;
use baler_layer::slices::{Slice, plan_slices};
use baler_layer::tar::{Owner, TarError};
use fixture::Fixture;

const APP: Owner = Owner::new(1000, 1000);

fn diff_id(write: impl FnOnce(&mut dyn Write) -> Result<(), TarError>) -> String {
    hash_only(write).unwrap().diff_id.hex().to_owned()
}

fn workspace(fixture: &Fixture) -> DirectoryLayer {
    let (root, path_in_image) = (fixture.path().to_owned(), "/workspace".into());
    DirectoryLayer { root, path_in_image, mode: None, owner: APP, ancestors: Vec::new() }
}

#[test]
fn a_module() {
    let fixture = Fixture::new();
    for (name, content) in [
        ("bin/build", &include_bytes!("buildpack-a/bin/build")[..]),
        ("bin/detect", include_bytes!("buildpack-a/bin/detect")),
        ("buildpack.toml", include_bytes!("buildpack-a/buildpack.toml")),
    ] {
        fixture.file(name, content, 0o600);
    }
    fixture.mode("bin", 0o711);
    let (root, path_in_image) = (fixture.path().to_owned(), "/cnb/buildpacks/test_a/0.0.1".into());
    let layer = ModuleLayer { root, path_in_image, descriptor: None };
    let expected = "7536a55e11dcb15be8808f10769be576355c499a70c0a63bf90fc777adec7707";
    assert_eq!(diff_id(|tar| layer.write(tar)), expected);

    // The same from a directory for one platform, above which the descriptor lies.
    let above = tempfile::tempdir().unwrap();
    let descriptor = above.path().join("buildpack.toml");
    fs_err::rename(fixture.path().join("buildpack.toml"), &descriptor).unwrap();
    let layer = ModuleLayer { descriptor: Some(descriptor), ..layer };
    assert_eq!(diff_id(|tar| layer.write(tar)), expected);
    fixture.file("license", b"text", 0o600);
    let before = diff_id(|tar| layer.write(tar));
    fs_err::rename(above.path().join("buildpack.toml"), fixture.path().join("buildpack.toml")).unwrap();
    assert_eq!(diff_id(|tar| ModuleLayer { descriptor: None, ..layer.clone() }.write(tar)), before);
}

const LAUNCH_A: &str = r#"[[slices]]
paths = ["static/*.css", "docs"]
[[slices]]
paths = ["static", "*.md", "deep/*/c/*"]
[[slices]]
paths = ["nothing-*"]
"#;

const LAUNCH_B: &str = r#"[[slices]]
paths = ["a-b", "a/**", "[xy].txt", "../outside", "static/../q?.txt"]
[[slices]]
paths = ["docs/guide.md", "link"]
"#;

const SLICES: [&[&str]; 5] = [
    &["static/*.css", "docs"],
    &["static", "*.md", "deep/*/c/*"],
    &["nothing-*"],
    &["a-b", "a/**", "[xy].txt", "../outside", "static/../q?.txt"],
    &["docs/guide.md", "link"],
];

fn application(launch_a: &str, launch_b: &str) -> Fixture {
    let fixture = Fixture::new();
    for name in [
        "NEWS.md",
        "README.md",
        "a-b/1",
        "a.txt",
        "a/1",
        "deep/one/c/f",
        "deep/one/other",
        "deep/two/c/g",
        "docs/guide.md",
        "docs/sub/x.md",
        "q1.txt",
        "static/app.js",
        "static/img/logo.css",
        "static/main.css",
        "static/print.css",
        "x.txt",
        "y.txt",
        "z.txt",
    ] {
        fixture.file(name, format!("{name}\n").as_bytes(), 0o644);
    }
    fixture.symlink("link", "docs");
    fixture.file("a/layers/launch.toml", launch_a.as_bytes(), 0o644);
    fixture.file("b/layers/launch.toml", launch_b.as_bytes(), 0o644);
    fixture
}

fn slice_diff_ids(fixture: &Fixture, slices: &[&[&str]]) -> Vec<String> {
    let slice = |paths: &&[&str]| Slice { paths: paths.iter().map(ToString::to_string).collect() };
    let slices: Vec<_> = slices.iter().map(slice).collect();
    let layers = plan_slices(&workspace(fixture), &slices).unwrap();
    layers.iter().map(|layer| diff_id(|tar| layer.write(tar))).collect()
}

#[test]
fn an_application_in_slices() {
    let found = slice_diff_ids(&application(LAUNCH_A, LAUNCH_B), &SLICES);
    let expected = [
        "9901056c4edb8ae7939afeddf91e65932f85a9c5b62ff239df73184b7ea21eeb",
        "91b596761efbc87aebf7492d8316135567e11d0c999c2dbf4f8f862d176ef44b",
        "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef",
        "73c04404601c3185c3a750f5e90523afd9c480c510cb813d248bee8b11a2a520",
        "a7ba879e0e1dee4e4f745fcf696200e1f091536cfd9f737079f9e05d6c76f782",
        "1bb4bfca91846015cf3bf3782f9267e39878fcc7423069ec561380addb84e15c",
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_slice_that_takes_everything_leaves_an_empty_layer() {
    let found = slice_diff_ids(&application("[[slices]]\npaths = [\"*\"]\n", ""), &[&["*"]]);
    let expected = [
        "2cafb98f6695a8c034671bddc845c9774e0f334b29d87e930dfc98aeb93e8b49",
        "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef",
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_malformed_pattern_is_named() {
    let slices = [Slice { paths: vec!["docs/[".to_owned()] }];
    let error = plan_slices(&workspace(&application("", "")), &slices).unwrap_err();
    assert_eq!(error.to_string(), "bad pattern 'docs/[' for slice paths");
}

#[test]
fn a_launch_layer_with_special_files() {
    let fixture = Fixture::new();
    fixture.directory("sub", 0o755);
    fixture.directory("empty", 0o755);
    fixture.file("file", b"text\n", 0o644);
    fixture.symlink("relative", "file");
    fixture.symlink("absolute", "/layers/test_a/special/file");
    fixture.symlink("dangling", "/does/not/exist");
    fixture.hard_link("file", "sub/hard");
    fixture.symlink("dirlink", "sub");
    fixture.mode("file", 0o4755);
    fixture.mode("sub", 0o700);
    fixture.file("empty.file", b"", 0o644);
    fixture.file("binary", b"a\0b", 0o644);
    fixture.file("new\nline", b"", 0o644);
    let path_in_image = Path::new("/layers/test_a/special");
    let layer = DirectoryLayer {
        root: fixture.path().to_owned(),
        path_in_image: path_in_image.to_owned(),
        mode: None,
        owner: APP,
        ancestors: DirectoryLayer::ancestors_of(path_in_image, 0o755, APP),
    };
    let expected = "46aec9ca53c3d37ed5fe6a5fc8c5cdb560797839ace063ff614acc70cb8a0d75";
    assert_eq!(diff_id(|tar| layer.write(tar)), expected);
}

#[test]
fn an_application_with_special_files() {
    let fixture = Fixture::new();
    fixture.file("hello.txt", b"hello\n", 0o644);
    fixture.file("run.sh", include_bytes!("special/run.sh"), 0o755);
    fixture.file("a/build.sh", include_bytes!("special/build.sh"), 0o644);
    fixture.directory("empty/nested", 0o755);
    for (name, target) in [
        ("relative", "../hello.txt"),
        ("absolute", "/workspace/hello.txt"),
        ("dangling", "nowhere"),
        ("loop", "."),
        ("to-directory", "../names"),
    ] {
        fixture.symlink(&format!("links/{name}"), target);
    }
    fixture.file("links/hard1", b"hard\n", 0o644);
    fixture.hard_link("links/hard1", "links/hard2");
    for mode in ["0400", "0444", "0600", "0640", "0755", "0777", "1755", "2755", "4755", "6711"] {
        let name = format!("modes/{mode}");
        fixture.file(&name, format!("{mode}\n").as_bytes(), u32::from_str_radix(mode, 8).unwrap());
    }
    fixture.directory("modes/sticky", 0o1777);
    fixture.directory("modes/private", 0o500);
    fixture.directory("modes/setgid", 0o2775);
    for name in [".wh.gone", ".wh..wh..opq", ".hidden", "two words", "zürich", "日本"] {
        fixture.file(&format!("names/{name}"), b"", 0o644);
    }
    fixture.fifo("names/fifo");
    fixture.socket("names/socket");
    if !fixture.character_device("names/char", 1, 3) {
        eprintln!("SKIP: needs the right to make device nodes");
        return;
    }
    let layers = plan_slices(&workspace(&fixture), &[]).unwrap();
    let expected = "8c7af01e60d5367d35423a23fda1026ba7128cad9feb3c93a8b561b152ca4f59";
    assert_eq!(diff_id(|tar| layers[0].write(tar)), expected);
}

#[test]
fn a_file_that_its_owner_cannot_read_is_read() {
    if rustix::process::getuid().is_root() {
        eprintln!("SKIP: needs an ordinary user");
        return;
    }
    let fixture = Fixture::new();
    fixture.file("sub/secret", b"", 0o000);
    let with_closed = diff_id(|tar| workspace(&fixture).write(tar));
    fs_err::set_permissions(fixture.path().join("sub/secret"), std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .unwrap();
    assert_ne!(diff_id(|tar| workspace(&fixture).write(tar)), with_closed, "its mode is kept");
}

#[test]
fn a_root_that_is_no_directory_is_refused() {
    let fixture = Fixture::new();
    fixture.symlink("link", ".");
    let layer = DirectoryLayer { root: fixture.path().join("link"), ..workspace(&fixture) };
    assert!(matches!(layer.write(&mut io::sink()), Err(TarError::NotADirectory { .. })));
}
