//! Several builds at once, and many one after another.

use std::io::ErrorKind;
use std::path::Path;
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
    (0..10).for_each(build);
    let ten = files(&place.store());
    (10..60).for_each(build);
    let sixty = files(&place.store());
    assert_eq!(sixty.0, ten.0, "files");
    assert!(sixty.1 < ten.1 + ten.1 / 100, "{} bytes after sixty, {} after ten", sixty.1, ten.1);
}

/// Number and bytes of all files below. A directory that an image closes to all but a mapped id (`/root`) is one file.
fn files(path: &Path) -> (u64, u64) {
    let metadata = path.symlink_metadata().unwrap();
    let entries = match std::fs::read_dir(path) {
        Ok(entries) if metadata.is_dir() => entries,
        Err(error) if metadata.is_dir() && error.kind() != ErrorKind::PermissionDenied => panic!("{error}"),
        Ok(_) | Err(_) => return (1, metadata.len()),
    };
    let entries = entries.map(|entry| files(&entry.unwrap().path()));
    entries.fold((0, 0), |(count, bytes), (more, size)| (count + more, bytes + size))
}
