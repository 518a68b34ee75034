//! `prune` takes what is not needed, and says what that was.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use crate::support::{Place, User, application, buildpack};

const SCRIPT: &str = "mkdir -p \"$1/dep\"; seq 1 20000 >\"$1/dep/numbers\"
printf '[types]\\ncache = true\\nlaunch = true\\n' >\"$1/dep.toml\"";

fn place() -> Option<Place> {
    let place = Place::with_builder(User::Caller, &["web"])?;
    buildpack(&place, "web", "exit 0", SCRIPT);
    application(&place, &[("x", "x")]);
    place.create_builder();
    place.build(&[]).success();
    Some(place)
}

fn names(place: &Place) -> Vec<String> {
    let list = place.run(&["images"]).success().stdout;
    list.lines().skip(1).filter_map(|line| line.split(':').next().map(str::to_owned)).collect()
}

fn caches(place: &Place) -> usize {
    std::fs::read_dir(place.store().join("caches")).unwrap().count()
}

/// Says that an image was last used and written some days ago.
fn age(place: &Place, name: &str, days: u64) {
    let record = place.store().join(format!("images/index.docker.io+library+{name}:latest.json"));
    let time = SystemTime::now() - Duration::from_secs(days * 86_400);
    let times = std::fs::FileTimes::new().set_accessed(time).set_modified(time);
    std::fs::File::open(record).unwrap().set_times(times).unwrap();
}

#[test]
fn what_nothing_refers_to_goes() {
    let Some(place) = place() else { return };
    assert_eq!(place.run(&["prune"]).success().stdout, "Freed 0 B: 0 blobs, 0 unpacked layers, 0 caches\n");
    application(&place, &[("x", "another")]);
    place.build(&[]).success();
    // The old app layer, config and manifest.
    let would = place.run(&["prune", "--dry-run"]).success().stdout;
    assert!(would.starts_with("Would free ") && would.contains(": 3 blobs,"), "{would}");
    let freed = place.run(&["prune"]).success().stdout;
    assert_eq!(freed, would.replace("Would free", "Freed"));
    assert_eq!(caches(&place), 1);
    let rebuilt = place.build(&[]).success();
    assert!(rebuilt.stdout.contains("Reused 1/1 app layer(s)"), "{}", rebuilt.stdout);
    assert!(rebuilt.stdout.contains("Reusing layer 'test/web:dep'"), "{}", rebuilt.stdout);
}

#[test]
fn an_image_takes_its_cache_along() {
    let Some(place) = place() else { return };
    let removed = place.run(&["rm", "app"]).success().stdout;
    assert!(removed.contains("1 cache\n"), "{removed}");
    assert_eq!(caches(&place), 0);
    // A layout that somebody removed by hand.
    place.run(&["build", "oci:out", "--builder", "builder", "--path", "app"]).success();
    assert_eq!(caches(&place), 1);
    assert!(place.run(&["prune"]).success().stdout.contains("0 caches"));
    std::fs::remove_dir_all(place.path().join("out")).unwrap();
    assert!(place.run(&["prune"]).success().stdout.contains("1 cache\n"));
    assert_eq!(caches(&place), 0);
}

#[test]
fn images_go_by_age_and_by_size() {
    let Some(place) = place() else { return };
    for name in ["app", "builder", "test-build", "test-run"] {
        age(&place, name, 10);
    }
    place.run(&["run", "app", "--entrypoint", "true"]).success();
    assert_eq!(place.run(&["prune", "--older-than", "11d"]).success().stdout.lines().count(), 1);
    let pruned = place.run(&["prune", "--older-than", "7d"]).success().stdout;
    assert!(
        pruned.starts_with("Removed builder:latest\nRemoved test-build:latest\nRemoved test-run:latest\nFreed "),
        "{pruned}"
    );
    assert_eq!(names(&place), ["app"]);
    assert_eq!(place.run(&["prune", "--keep-size", "1TB"]).success().stdout.lines().count(), 1);
    assert_eq!(names(&place), ["app"]);
    place.run(&["prune", "--keep-size", "1kB"]).success();
    assert!(names(&place).is_empty());
    assert_eq!(std::fs::read_dir(place.store().join("blobs/sha256")).unwrap().count(), 0);
    let wrong = place.run(&["prune", "--older-than", "soon"]).failure(1);
    assert!(wrong.stderr.contains("as in 7d"), "{}", wrong.stderr);
}

#[test]
fn all_of_it_goes() {
    let Some(place) = place() else { return };
    place.run(&["prune", "--caches"]).success();
    assert_eq!((names(&place).len(), caches(&place)), (4, 0));
    let fresh = place.build(&[]).success();
    assert!(fresh.stdout.contains("Layer cache not found"), "{}", fresh.stdout);
    place.run(&["prune", "--all"]).success();
    assert!(names(&place).is_empty());
    for part in ["blobs/sha256", "images", "caches", "tmp"] {
        let left: Vec<_> = std::fs::read_dir(place.store().join(part)).unwrap().collect();
        assert!(left.is_empty(), "{part}: {left:?}");
    }
}

#[test]
fn what_a_running_build_uses_stays() {
    let Some(place) = place() else { return };
    buildpack(&place, "slow", "exit 0", &format!("{SCRIPT}\necho started; sleep 1"));
    let mut command = place.command(&["build", "app", "--builder", "builder", "--path", "app", "--buildpack", "slow"]);
    let mut child = crate::support::spawn(command.stdout(Stdio::piped()).stderr(Stdio::inherit()));
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(output.by_ref().any(|line| line.unwrap() == "started"));
    // Again and again, until after its end.
    while child.try_wait().unwrap().is_none() {
        place.run(&["prune", "--all"]).success();
    }
    let rest: Vec<String> = output.map(Result::unwrap).collect();
    assert!(child.wait().unwrap().success(), "{rest:?}");
    assert!(rest.iter().any(|line| line == "Successfully built image 'app'"), "{rest:?}");
}
