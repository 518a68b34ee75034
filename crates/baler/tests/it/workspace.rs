//! The application's copy is kept between builds, and is in each of them what a fresh one would be.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::support::{Outcome, Place, User, application, buildpack, users};

/// Says what the build sees; where the application wants it, leaves a mess.
const BUILD: &str = "
find . | sort | sed 1d | while read -r path; do
  size=; [ -d \"$path\" ] || size=$(stat -c %s \"$path\")
  echo \"sees $(stat -c '%n %a %F %y' \"$path\") $size $(readlink \"$path\" || true)\"
done; cat text
if [ -e mess ]; then
  mkdir -p node_modules/a; echo x >node_modules/a/b; echo changed >text; rm -f gone; ln text linked; ln -sf text link
  chmod 0 closed; mv kept moved; mkdir kept
fi
if [ -e fail ]; then exit 1; fi";

fn place(user: User) -> Option<Place> {
    let place = Place::with_builder(user, &["workspace"])?;
    buildpack(&place, "workspace", "exit 0", BUILD);
    application(&place, &[("text", "one\n"), ("gone", ""), ("closed/file", "x"), ("kept", "kept")]);
    std::os::unix::fs::symlink("nowhere", place.path().join("app/link")).unwrap();
    std::fs::set_permissions(place.path().join("app/closed"), PermissionsExt::from_mode(0o555)).unwrap();
    place.create_builder();
    Some(place)
}

fn kept(place: &Place) -> PathBuf {
    place.store().join("caches/index.docker.io+library+app:latest/workspace")
}

/// Whether the next build need not look at each file of the copy.
fn is_marked(place: &Place) -> bool {
    kept(place).join("untouched").exists()
}

fn digest(output: &Outcome) -> String {
    output.stdout.lines().find(|line| line.starts_with("*** Images")).unwrap().to_owned()
}

fn sees(output: &Outcome) -> Vec<String> {
    output.stdout.lines().filter_map(|line| Some(line.split_once("sees ")?.1.to_owned())).collect()
}

/// What an image is whose application was copied anew.
fn fresh(place: &Place) -> Outcome {
    let cache = kept(place);
    let aside = place.path().join("aside");
    std::fs::rename(&cache, &aside).unwrap();
    let output = place.build(&[]).success();
    // Another tree stands there now.
    remove(&cache);
    std::fs::rename(&aside, &cache).unwrap();
    output
}

fn remove(path: &Path) {
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "chmod -R u+rwx \"$0\" && rm -r \"$0\""]).arg(path);
    assert!(command.status().unwrap().success());
}

#[test]
fn what_builds_do_to_the_application_is_undone() {
    for user in users() {
        let Some(place) = place(user) else { return };
        let first = place.build(&[]).success();
        assert!(kept(&place).join("tree/text").exists(), "{user:?}");
        assert!(is_marked(&place), "{user:?}: nobody touched the copy");
        application(&place, &[("mess", "")]);
        let messy = place.build(&[]).success();
        assert_ne!(digest(&messy), digest(&first), "{user:?}");
        assert!(!is_marked(&place), "{user:?}: the build has changed the copy");
        for _ in 0..2 {
            let again = place.build(&[]).success();
            assert_eq!(sees(&again), sees(&messy), "{user:?}");
            assert_eq!(digest(&again), digest(&messy), "{user:?}");
        }
        application(&place, &[("fail", ""), ("text", "two\n")]);
        place.build(&[]).failure(1);
        assert!(!is_marked(&place), "{user:?}");
        assert!(kept(&place).join("tree/node_modules").exists(), "{user:?}: kept, and dirty");
        std::fs::remove_file(place.path().join("app/fail")).unwrap();
        let after = place.build(&[]).success();
        assert!(after.stdout.contains("two\n"), "{user:?}: {}", after.stdout);
        let expected = fresh(&place);
        assert_eq!((sees(&after), digest(&after)), (sees(&expected), digest(&expected)), "{user:?}");
        std::fs::remove_file(place.path().join("app/mess")).unwrap();
        application(&place, &[("text", "one\n")]);
        assert_eq!(digest(&place.build(&[]).success()), digest(&first), "{user:?}");
        place.run(&["rm", "--all"]).success();
        assert_eq!(std::fs::read_dir(place.store().join("caches")).unwrap().count(), 0, "{user:?}");
        assert_eq!(std::fs::read_dir(place.store().join("tmp")).unwrap().count(), 0, "{user:?}");
    }
}

#[test]
fn an_application_that_nobody_touched_is_not_read() {
    for user in users() {
        let Some(place) = place(user) else { return };
        let first = place.build(&["--timings"]).success();
        let is_unread =
            |output: &Outcome| output.stdout.lines().any(|line| line.ends_with("  app") && line.contains("not read"));
        assert!(!is_unread(&first), "{user:?}: {}", first.stdout);
        let again = place.build(&["--timings"]).success();
        assert!(is_unread(&again), "{user:?}: {}", again.stdout);
        assert_eq!(digest(&again), digest(&first), "{user:?}");
        application(&place, &[("text", "two\n")]);
        let changed = place.build(&["--timings"]).success();
        assert!(!is_unread(&changed) && digest(&changed) != digest(&first), "{user:?}: {}", changed.stdout);
        // Changed once more in the same second, with size and time as before.
        let text = place.path().join("app/text");
        let time = text.metadata().unwrap().modified().unwrap();
        application(&place, &[("text", "six\n")]);
        std::fs::File::options().append(true).open(&text).unwrap().set_modified(time).unwrap();
        let unseen = place.build(&["--timings"]).success();
        assert!(unseen.stdout.contains("six\n") && !is_unread(&unseen), "{user:?}: {}", unseen.stdout);
        assert_ne!(digest(&unseen), digest(&changed), "{user:?}");
        // Once the change is old enough, the times are relied on.
        let deadline = Instant::now() + Duration::from_mins(1);
        while !is_unread(&place.build(&["--timings"]).success()) {
            assert!(Instant::now() < deadline, "{user:?}: the application is always read");
        }
        // Another image of the same application shares nothing with it.
        let other = place.run(&["build", "other", "--path", "app", "--builder", "builder", "--pull-policy", "never"]);
        assert_eq!(digest(&other.success()), digest(&unseen), "{user:?}");
        let cleared = place.build(&["--timings", "--clear-cache"]).success();
        assert!(!is_unread(&cleared), "{user:?}: {}", cleared.stdout);
        assert_eq!(digest(&cleared), digest(&unseen), "{user:?}");
    }
}
