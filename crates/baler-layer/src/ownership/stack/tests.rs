use super::*;

/// A layer with its directory on disk.
struct Layer {
    index: OwnershipIndex,
    root: tempfile::TempDir,
}

/// `kind path uid gid mode` per line; kinds `d`, `f`, `implicit`, `whiteout`, `opaque`, and `link` and `plain` for what
/// only the disk knows.
fn layer(lines: &[&str]) -> Layer {
    let mut layer = Layer { index: OwnershipIndex::default(), root: tempfile::tempdir().unwrap() };
    for line in lines {
        let fields: Vec<_> = line.split(' ').collect();
        let path = Path::new(fields[1]);
        let permissions = || Permissions {
            uid: fields[2].parse().unwrap(),
            gid: fields[3].parse().unwrap(),
            mode: u32::from_str_radix(fields[4], 8).unwrap(),
        };
        let on_disk = layer.root.path().join(path);
        fs_err::create_dir_all(on_disk.parent().unwrap()).unwrap();
        match fields[0] {
            "d" => layer.index.insert(path, Node::Directory(permissions())),
            "f" => layer.index.insert(path, Node::File(permissions())),
            "implicit" => layer.index.insert(path, Node::Implicit),
            "whiteout" => layer.index.insert(path, Node::Whiteout),
            "opaque" => layer.index.set_opaque(path),
            "link" => std::os::unix::fs::symlink("/elsewhere", &on_disk).unwrap(),
            _ => fs_err::write(&on_disk, "").unwrap(),
        }
        match fields[0] {
            "d" | "implicit" | "opaque" => fs_err::create_dir_all(&on_disk).unwrap(),
            "f" => fs_err::write(&on_disk, "").unwrap(),
            _ => {}
        }
    }
    layer
}

fn writable(layers: &[Layer]) -> (Vec<String>, Vec<String>) {
    let stack: Vec<_> =
        layers.iter().map(|layer| StackedLayer { index: &layer.index, root: layer.root.path() }).collect();
    let found = writable_paths(&stack, &User { uid: 1000, gids: vec![1000, 50] });
    let texts = |paths: Vec<PathBuf>| paths.into_iter().map(|path| path.display().to_string()).collect();
    (texts(found.writable), texts(found.read_only_below))
}

fn check(layers: &[&[&str]], expected: &[&str], read_only: &[&str]) {
    let layers: Vec<_> = layers.iter().map(|lines| layer(lines)).collect();
    let (found, found_read_only) = writable(&layers);
    assert_eq!(
        (found, found_read_only),
        (expected.iter().map(ToString::to_string).collect(), read_only.iter().map(ToString::to_string).collect())
    );
}

const BASE: &[&str] = &[
    "d etc 0 0 755",
    "d home 0 0 755",
    "d home/cnb 1000 1000 755",
    "d home/cnb/.cache 1000 1000 700",
    "d home/cnb/fixed 0 0 755",
    "d home/cnb/fixed/mine 1000 1000 755",
    "d tmp 0 0 1777",
    "d root 0 0 700",
    "d root/mine 1000 1000 755",
    "f etc/mine 1000 1000 644",
    "f etc/shadow 0 42 640",
    "f home/cnb/file 1000 1000 644",
    "d var/mail 0 50 2775",
    "d var/read 0 50 2755",
];

#[test]
fn owner_group_and_others_have_their_rights() {
    check(&[BASE], &["/etc/mine", "/home/cnb", "/home/cnb/fixed/mine", "/tmp", "/var/mail"], &["/home/cnb/fixed"]);
}

#[test]
fn upper_layers_win() {
    check(
        &[BASE, &["d tmp 0 0 755", "d home/cnb/fixed 1000 0 700", "d etc 0 50 775"]],
        &["/etc", "/home/cnb", "/var/mail"],
        &[],
    );
}

#[test]
fn implicit_directories_leave_what_is_below() {
    check(
        &[BASE, &["implicit tmp", "implicit home", "implicit home/cnb", "implicit new", "d new/own 1000 1000 755"]],
        &["/etc/mine", "/home/cnb", "/home/cnb/fixed/mine", "/new/own", "/tmp", "/var/mail"],
        &["/home/cnb/fixed"],
    );
}

#[test]
fn whiteouts_and_opaque_directories_take_away() {
    check(&[BASE, &["whiteout home/cnb", "whiteout etc/mine", "whiteout tmp", "opaque var"]], &[], &[]);
    check(
        &[BASE, &["d home/cnb 1000 1000 755", "opaque home/cnb"]][..],
        &["/etc/mine", "/home/cnb", "/tmp", "/var/mail"],
        &[],
    );
    check(&[&["d a 1000 0 755"], &["whiteout a"], &["d a 0 0 755", "f a/f 0 1000 664"]], &["/a/f"], &[]);
}

#[test]
fn files_of_root_and_links_in_upper_layers_hide() {
    check(&[BASE, &["plain etc/mine"], &["link home"], &["plain tmp", "link var"]], &[], &[]);
    check(&[&["d a/b 1000 0 755"], &["link a"], &["d a 0 0 755"]], &[], &[]);
}

#[test]
fn root_may_write_everything() {
    let layer = layer(&["d  0 0 755", "d etc 0 0 755"]);
    let stack = [StackedLayer { index: &layer.index, root: layer.root.path() }];
    let found = writable_paths(&stack, &User { uid: 0, gids: vec![0] });
    assert_eq!((found.writable, found.read_only_below), (vec![PathBuf::from("/")], vec![]));
}
