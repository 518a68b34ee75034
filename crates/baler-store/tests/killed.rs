//! Processes that are killed at random instants lose nothing that was committed, and leave nothing for good. The program
//! starts itself, so it has a `main` of its own.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

mod support;

use std::path::Path;
use std::process::{Child, Command, ExitCode};
use std::time::{Duration, Instant};

use baler_image::{Digest, ImageName, Sink, Target};
use baler_store::{Layout, Store, copy_image};
use support::{list, name, open, put_image, resolved, single, store};

const ROUNDS: u32 = 25;
const WORKERS: u32 = 3;

fn main() -> ExitCode {
    if let Some(code) = baler_sandbox::dispatch(&[]) {
        return code;
    }
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, mode, root, worker] = &arguments[..]
        && mode == "work"
    {
        work(Path::new(root), worker);
    }
    if arguments.iter().any(|argument| argument == "--list") {
        return ExitCode::SUCCESS;
    }
    nothing_committed_is_lost();
    println!("test nothing_committed_is_lost ... ok");
    ExitCode::SUCCESS
}

fn image_of(worker: &str) -> ImageName {
    name(&format!("app:{worker}"))
}

/// Builds, unpacks, copies and prunes until it is killed.
fn work(root: &Path, worker: &str) -> ! {
    let layout = root.with_file_name("layout");
    for number in 0.. {
        let store = open(root);
        let image = image_of(worker);
        let own = format!("{worker}-{number}-{}", "x".repeat(100_000));
        put_image(&store, &image, &["shared", &own]);
        let resolved = resolved(&store, &image);
        store.unpack(resolved.layers(), &store, &single(), &|_| ()).unwrap();
        let image = ImageName::from(Target::Layout { path: layout.clone(), name: Some(worker.to_owned()) });
        if number % 2 == 0 {
            copy_image(&resolved, &store, &Layout::begin(&layout).unwrap(), &image, &|_| ()).unwrap();
        } else {
            copy_image(&resolved, &store, &Layout::create_or_open(&layout).unwrap(), &image, &|_| ()).unwrap();
        }
        store.collect_garbage().unwrap();
    }
    unreachable!("the numbers do not end")
}

fn nothing_committed_is_lost() {
    let (directory, store) = store();
    put_image(&store, &name("kept"), &["shared", "kept"]);
    let root = store.root().to_owned();
    drop(store);
    for round in 0..ROUNDS {
        let mut workers: Vec<Child> = (0..WORKERS).map(|worker| start(&root, worker)).collect();
        // From during the first build to after a few of them.
        std::thread::sleep(Duration::from_millis(u64::from(5 + round * 37 % 200)));
        for worker in &mut workers {
            worker.kill().unwrap();
            worker.wait().unwrap();
        }
        check(&root);
    }
    check_layout(&directory.path().join("layout"));
}

fn start(root: &Path, worker: u32) -> Child {
    Command::new(std::env::current_exe().unwrap()).arg("work").arg(root).arg(worker.to_string()).spawn().unwrap()
}

/// Everything with a name is whole, what is unpacked is complete, and nothing else is left.
fn check(root: &Path) {
    let begun = Instant::now();
    let store = open(root);
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert!(list(&root.join("tmp")).is_empty(), "{:?}", list(&root.join("tmp")));
    assert!(store.images().unwrap().iter().any(|image| image.reference.familiar() == "kept:latest"));
    for image in store.images().unwrap() {
        check_image(&store, &ImageName::from(image.reference));
    }
    for blob in list(&root.join("blobs/sha256")) {
        let bytes = fs_err::read(root.join("blobs/sha256").join(&blob)).unwrap();
        assert_eq!(Digest::of(&bytes).hex(), blob);
    }
    store.collect_garbage().unwrap();
}

fn check_image(store: &Store, image: &ImageName) {
    let image = resolved(store, image);
    assert!(image.layers().iter().all(|layer| store.has_blob(&layer.descriptor.digest).unwrap()));
    let unpacked = store.unpack(image.layers(), store, &single(), &|_| ()).unwrap();
    assert!(unpacked.lower.iter().all(|tree| tree.join("etc/file").is_file()));
}

fn check_layout(root: &Path) {
    let Ok(layout) = Layout::create_or_open(root) else { return };
    assert_eq!(list(root), ["blobs", "index.json", "oci-layout"]);
    for name in layout.names().unwrap() {
        resolved(&layout, &layout.image_name(Some(&name)));
    }
}
