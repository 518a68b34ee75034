//! Several builds at once, and many one after another.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::support::{Outcome, Place, User, application, buildpack, spawn, write};

const SCRIPT: &str = "
mkdir -p \"$1/kept\" \"$1/made\"; [ -e \"$1/kept/numbers\" ] || seq 1 50000 >\"$1/kept/numbers\"
cat app.txt >\"$1/made/copy\"
printf '[types]\\nlaunch = true\\ncache = true\\n' >\"$1/kept.toml\"
printf '[types]\\ncache = true\\n' >\"$1/made.toml\"";

fn place() -> Option<Place> {
    let place = Place::with_builder(User::Caller, &["kept"])?;
    buildpack(&place, "kept", "exit 0", SCRIPT);
    application(&place, &[("app.txt", "one")]);
    place.create_builder();
    Some(place)
}

#[test]
fn builds_of_one_image_at_once_give_the_same() {
    let Some(place) = place() else { return };
    let expected = place.build(&["--quiet"]).success().stdout;
    let build = ["build", "app", "--builder", "builder", "--path", "app", "--quiet"];
    for round in 0..5 {
        let mut commands: Vec<Vec<&str>> = vec![build.to_vec(); 3];
        if round % 2 == 1 {
            commands.push([&build[..], &["--clear-cache"]].concat());
            commands.push(vec!["prune", "--caches"]);
        }
        let children: Vec<_> = commands
            .iter()
            .map(|arguments| spawn(place.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped())))
            .collect();
        for (child, arguments) in children.into_iter().zip(&commands) {
            let outcome = Outcome::from(child.wait_with_output().unwrap()).success();
            if arguments[0] == "build" {
                assert_eq!(outcome.stdout, expected, "round {round}");
            }
        }
    }
    assert_eq!(std::fs::read_dir(place.store().join("tmp")).unwrap().count(), 0);
}

#[test]
fn sixty_builds_leave_no_more_than_ten() {
    let Some(place) = place() else { return };
    let build = |number: u32| {
        // Of one length, so that the sizes can be compared.
        write(&place.path().join("app/app.txt"), &format!("{number:08}").repeat(20_000));
        place.build(&["--quiet"]).success();
    };
    // What a build could not remove, since other tests of this user leave it no process to do so, the next one does.
    let is_settled = || std::fs::read_dir(place.store().join("tmp")).unwrap().next().is_none();
    let build_all = |numbers: std::ops::Range<u32>| {
        let more = numbers.end + 100..numbers.end + 105;
        numbers.for_each(build);
        more.take_while(|_| !is_settled()).for_each(build);
        files(&place.store())
    };
    let ten = build_all(0..10);
    let sixty = build_all(10..60);
    assert_eq!(sixty.len(), ten.len(), "after sixty: {sixty:#?}\nafter ten: {ten:#?}");
    let bytes = |files: &[(PathBuf, u64)]| files.iter().map(|(_, bytes)| bytes).sum::<u64>();
    let (sixty, ten) = (bytes(&sixty), bytes(&ten));
    assert!(sixty < ten + ten / 100, "{sixty} bytes after sixty, {ten} after ten");
}

/// All files below, with their bytes. A directory that an image closes to all but a mapped id (`/root`) is one file.
fn files(path: &Path) -> Vec<(PathBuf, u64)> {
    let metadata = path.symlink_metadata().unwrap();
    let entries = match std::fs::read_dir(path) {
        Ok(entries) if metadata.is_dir() => entries,
        Err(error) if metadata.is_dir() && error.kind() != ErrorKind::PermissionDenied => panic!("{error}"),
        Ok(_) | Err(_) => return vec![(path.to_owned(), metadata.len())],
    };
    entries.flat_map(|entry| files(&entry.unwrap().path())).collect()
}
