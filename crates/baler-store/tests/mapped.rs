//! Unpacking for mapped ids, in whatever way the user who runs the tests can have them. The program is its own helper,
//! so it has a `main` of its own.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

mod support;

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::{Command, ExitCode, Stdio};

use baler_image::{Digest, Layer, Sink};
use baler_sandbox::{HostIds, IdMap, IdMapMode, Identity, SandboxProgram};
use baler_store::{Layout, Store, UNPACK_OPERATION, UnpackError};
use support::{list, open, put_covering_layers, put_layer, store};

type Test = fn(&IdMap);

fn main() -> ExitCode {
    if let Some(code) = baler_sandbox::dispatch(&[UNPACK_OPERATION]) {
        return code;
    }
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, mode, root] = &arguments[..]
        && mode == "leave"
    {
        leave_a_mapped_tree(&open(std::path::Path::new(root)));
        return ExitCode::SUCCESS;
    }
    let Some(id_map) = mapped() else {
        println!("SKIP: needs root, or an ordinary user with sub-ids");
        return ExitCode::SUCCESS;
    };
    if std::env::args().any(|argument| argument == "--list") {
        return ExitCode::SUCCESS;
    }
    let tests: [(&str, Test); 6] = [
        ("directories_keep_their_owners", directories_keep_their_owners),
        ("files_belong_to_mapped_ids", files_belong_to_mapped_ids),
        ("a_layer_may_come_from_another_place", a_layer_may_come_from_another_place),
        ("what_a_registry_damages_is_unpacked_anew", support::damaging::check),
        ("a_wrong_layer_leaves_nothing", a_wrong_layer_leaves_nothing),
        ("what_a_killed_process_left_is_removed", what_a_killed_process_left_is_removed),
    ];
    for (name, test) in tests {
        test(&id_map);
        println!("test {name} ... ok");
    }
    ExitCode::SUCCESS
}

fn mapped() -> Option<IdMap> {
    let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let user_name = Command::new("id").arg("-un").output().ok();
    let user_name = user_name.map(|output| String::from_utf8(output.stdout).unwrap().trim().to_owned());
    let identity = Identity { uid, gid, user_name };
    let map = IdMap::choose(&identity, (1000, 1000), &HostIds::read(&identity, &["/usr/bin".into()]).ok()?);
    (map.mode() != IdMapMode::Single).then_some(map)
}

fn unpack(store: &Store, layer: &Layer, id_map: &IdMap) -> Result<std::path::PathBuf, UnpackError> {
    store.unpack(std::slice::from_ref(layer), store, id_map, &|_| ()).map(|unpacked| unpacked.lower[0].clone())
}

fn files_belong_to_mapped_ids(id_map: &IdMap) {
    let (_directory, store) = store();
    let layer = put_layer(&store, &[("file", "x")]);
    let tree = unpack(&store, &layer, id_map).unwrap();
    let owner = |path: &str| {
        let metadata = fs_err::symlink_metadata(tree.join(path)).unwrap();
        (Some(metadata.uid()), Some(metadata.gid()))
    };
    assert_eq!(owner("etc/file"), (id_map.host_uid(7), id_map.host_gid(8)));
    assert_eq!(owner("etc"), (id_map.host_uid(0), id_map.host_gid(0)));
    assert_eq!(owner(""), (id_map.host_uid(0), id_map.host_gid(0)));
    assert_eq!(fs_err::metadata(&tree).unwrap().permissions().mode() & 0o7777, 0o755);
    assert_eq!(unpack(&store, &layer, id_map).unwrap(), tree);
    let root = store.root().to_owned();
    drop(store);
    let freed = open(&root).collect_garbage().unwrap();
    assert_eq!((freed.blobs, freed.layers), (1, 1));
    assert!(list(&root.join("tmp")).is_empty());
}

fn directories_keep_their_owners(id_map: &IdMap) {
    let (_directory, store) = store();
    let layers = put_covering_layers(&store);
    let unpacked = store.unpack(&layers, &store, id_map, &|_| ()).unwrap();
    let home = fs_err::metadata(unpacked.lower[0].join("home")).unwrap();
    assert_eq!((Some(home.uid()), Some(home.gid())), (id_map.host_uid(1000), id_map.host_gid(1000)));
    assert_eq!(home.permissions().mode() & 0o7777, 0o750);
    let root = store.root().to_owned();
    drop(store);
    assert_eq!(open(&root).collect_garbage().unwrap().layers, 3);
}

fn a_layer_may_come_from_another_place(id_map: &IdMap) {
    let (directory, store) = store();
    let layout = Layout::create_or_open(&directory.path().join("layout")).unwrap();
    let layer = put_layer(&layout, &[("file", "x")]);
    let unpacked = store.unpack(std::slice::from_ref(&layer), &layout, id_map, &|_| ()).unwrap();
    assert!(unpacked.lower[0].join("etc").is_dir());
    assert!(!store.has_blob(&layer.descriptor.digest).unwrap());
    let root = store.root().to_owned();
    drop(store);
    open(&root).collect_garbage().unwrap();
}

fn a_wrong_layer_leaves_nothing(id_map: &IdMap) {
    let (_directory, store) = store();
    let layer = Layer { diff_id: Digest::of(b"other"), ..put_layer(&store, &[("file", "x")]) };
    let result = unpack(&store, &layer, id_map);
    assert!(matches!(result, Err(UnpackError::Operation { .. })), "{result:?}");
    let root = store.root().to_owned();
    drop(store);
    assert!(list(&root.join("tmp")).is_empty());
}

/// Leaves a scratch directory as a process does that is killed.
fn leave_a_mapped_tree(store: &Store) {
    let id_map = mapped().unwrap();
    let layer = put_layer(store, &[("file", "left behind")]);
    let tree = unpack(store, &layer, &id_map).unwrap();
    let scratch = store.scratch_for("build", &id_map).unwrap();
    fs_err::rename(tree.parent().unwrap(), scratch.path().join("tree")).unwrap();
    println!("{}", scratch.path().display());
    std::process::abort();
}

fn what_a_killed_process_left_is_removed(_: &IdMap) {
    let (_directory, store) = store();
    let program = std::env::current_exe().unwrap();
    let child = Command::new(program).arg("leave").arg(store.root()).stdout(Stdio::piped()).output().unwrap();
    assert!(!child.status.success());
    let left = String::from_utf8(child.stdout).unwrap();
    assert!(std::path::Path::new(left.trim()).join("tree/tree/etc/file").exists());
    assert_eq!(list(&store.root().join("tmp")).len(), 1);
    let _ = Store::open(store.root(), SandboxProgram::current()).unwrap();
    assert!(list(&store.root().join("tmp")).is_empty());
    let root = store.root().to_owned();
    drop(store);
    open(&root).collect_garbage().unwrap();
}
