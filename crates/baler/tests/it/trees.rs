//! Layers kept as trees between builds: read-only ones, and those that somebody changed.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use crate::support::{Place, User, application, buildpack, users};

/// A layer as Go's module cache is: files 0444 in directories 0555, and a root of 0555.
const READ_ONLY: &str = "
if [ -e \"$1/mod/pkg/a@v1/file\" ]; then echo cached; else
  echo fresh; mkdir -p \"$1/mod/pkg/a@v1\"; seq 1 20000 >\"$1/mod/pkg/a@v1/file\"; echo x >\"$1/mod/pkg/a@v1/tool\"
  chmod 0444 \"$1/mod/pkg/a@v1/file\"; chmod 0555 \"$1/mod/pkg/a@v1/tool\" \"$1/mod/pkg/a@v1\" \"$1/mod/pkg\" \"$1/mod\"
fi
printf '[types]\\nlaunch = true\\ncache = true\\n' >\"$1/mod.toml\"
if [ -e fail ]; then chmod u+w \"$1/mod/pkg/a@v1/file\"; echo dirty >\"$1/mod/pkg/a@v1/file\"; exit 1; fi";

fn place(user: User) -> Option<Place> {
    let place = Place::with_builder(user, &["mod"])?;
    buildpack(&place, "mod", "exit 0", READ_ONLY);
    application(&place, &[("x", "x")]);
    place.create_builder();
    Some(place)
}

fn tree(place: &Place) -> PathBuf {
    let cache = place.store().join("caches/index.docker.io+library+app:latest");
    cache.join("trees/test_mod/mod")
}

#[test]
fn a_read_only_tree_is_moved_compared_and_removed() {
    for user in users() {
        let Some(place) = place(user) else { return };
        let first = place.build(&["--timings"]).success();
        assert!(first.stdout.contains("fresh\n"), "{}", first.stdout);
        let digest = |output: &str| output.lines().find(|line| line.starts_with("*** Images")).unwrap().to_owned();
        for _ in 0..2 {
            assert_eq!(tree(&place).metadata().unwrap().permissions().mode() & 0o7777, 0o555, "{user:?}");
            let again = place.build(&["--timings"]).success();
            assert!(again.stdout.contains("cached\n"), "{user:?}: {}", again.stdout);
            let is_layer = |line: &&str| line.contains("test/mod:mod") && line.contains("not read");
            assert!(again.stdout.lines().any(|line| is_layer(&line)), "{user:?}: {}", again.stdout);
            assert_eq!(digest(&again.stdout), digest(&first.stdout));
        }
        place.run(&["prune", "--caches"]).success();
        assert!(!tree(&place).exists());
        let without = place.build(&[]).success();
        assert_eq!(digest(&without.stdout), digest(&first.stdout));
        place.run(&["rm", "--all"]).success();
        assert_eq!(std::fs::read_dir(place.store().join("caches")).unwrap().count(), 0, "{user:?}");
        assert_eq!(std::fs::read_dir(place.store().join("tmp")).unwrap().count(), 0, "{user:?}");
    }
}

#[test]
fn a_tree_that_was_left_dirty_is_made_again() {
    for user in users() {
        let Some(place) = place(user) else { return };
        let expected = place.build(&["--quiet"]).success().stdout;
        application(&place, &[("fail", "")]);
        place.build(&[]).failure(1);
        std::fs::remove_file(place.path().join("app/fail")).unwrap();
        let after = place.build(&["--quiet"]).success();
        assert_eq!(after.stdout, expected, "{user:?}");
        // Somebody who writes into the store, with the old time put back.
        let file = tree(&place).join("pkg/a@v1/file");
        let time = file.metadata().unwrap().modified().unwrap();
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
        let text = std::fs::read_to_string(&file).unwrap().replace('1', "2");
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o444)).unwrap();
        std::fs::File::open(&file).unwrap().set_modified(time).unwrap();
        assert_eq!(place.build(&["--quiet"]).success().stdout, expected, "{user:?}");
    }
}
