//! Slices of an application (launch.toml, "[[slices]]") whose copy is kept between builds: each build makes the layers that
//! a fresh one would make, and reuses those of slices that nobody touched.

use std::collections::BTreeSet;

use crate::support::{Outcome, Place, User, application, buildpack, users};

/// Two slices, and what is left; the build itself makes a file of a slice.
const BUILD: &str = "echo made >static/made.css
printf '[[slices]]\\npaths = [\"static/*.css\", \"docs\"]\\n[[slices]]\\npaths = [\"*.bin\"]\\n' >\"$1/launch.toml\"";

fn place(user: User) -> Option<Place> {
    let place = Place::with_builder(user, &["slicing"])?;
    buildpack(&place, "slicing", "exit 0", BUILD);
    application(
        &place,
        &[
            ("static/a.css", "a"),
            ("static/page.html", "page"),
            ("docs/guide", "guide"),
            ("one.bin", "1"),
            ("main", "main"),
        ],
    );
    place.create_builder();
    Some(place)
}

/// How many application layers were reused, of how many.
fn app_layers(output: &Outcome) -> (&str, &str) {
    let line = output.stdout.lines().find(|line| line.ends_with(" app layer(s)")).unwrap();
    let counts = line.split(' ').nth(1).unwrap().split_once('/').unwrap();
    if line.starts_with("Added ") { ("0", counts.1) } else { counts }
}

fn digest(output: &Outcome) -> &str {
    output.stdout.lines().find(|line| line.starts_with("*** Images")).unwrap()
}

/// The layers of the image, by their diffIDs.
fn diff_ids(place: &Place, image: &str) -> BTreeSet<String> {
    let inspected = place.run(&["inspect", "--local", image, "-o", "json"]).success().stdout;
    let inspected: serde_json::Value = serde_json::from_str(&inspected).unwrap();
    let metadata = &inspected["local_info"]["labels"]["io.buildpacks.lifecycle.metadata"];
    let layers = metadata["app"].as_array().unwrap().iter();
    layers.map(|layer| layer["sha"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_change_in_one_slice_leaves_the_others() {
    for user in users() {
        let Some(place) = place(user) else { return };
        let first = place.build(&[]).success();
        assert_eq!(app_layers(&first).1, "3", "{user:?}: two slices and the rest: {}", first.stdout);
        let mut before = diff_ids(&place, "app");
        let file = |name: &str| place.path().join("app").join(name);
        let changes: [(&str, &dyn Fn(), usize); 8] = [
            ("nothing", &|| (), 3),
            ("a file of the first slice", &|| std::fs::write(file("static/a.css"), "changed").unwrap(), 2),
            ("a file of the second slice", &|| std::fs::write(file("one.bin"), "2").unwrap(), 2),
            ("a file of no slice", &|| std::fs::write(file("main"), "other").unwrap(), 2),
            ("a new file of the second slice", &|| std::fs::write(file("two.bin"), "3").unwrap(), 2),
            ("from a slice to none", &|| std::fs::rename(file("two.bin"), file("two.txt")).unwrap(), 1),
            ("a directory of a slice goes", &|| std::fs::remove_dir_all(file("docs")).unwrap(), 2),
            (
                "a file that the build makes is there before",
                &|| std::fs::write(file("static/made.css"), "x").unwrap(),
                3,
            ),
        ];
        for (what, change, same) in changes {
            change();
            let built = place.build(&[]).success();
            let after = diff_ids(&place, "app");
            assert_eq!(app_layers(&built).0, same.to_string(), "{user:?}, {what}: {}", built.stdout);
            assert_eq!(before.intersection(&after).count(), same, "{user:?}, {what}");
            // The same image as from a copy that is not kept, and without anything of before.
            let name = format!("fresh-{}", what.replace(' ', "-"));
            let fresh = place.run(&["build", &name, "--path", "app", "--builder", "builder"]).success();
            assert_eq!(digest(&built), digest(&fresh), "{user:?}, {what}");
            before = after;
        }
        let script = "cat static/a.css static/made.css one.bin main two.txt; ls static";
        let seen = place.run(&["run", "app", "--entrypoint", "sh", "--", "-c", script]).success();
        assert_eq!(seen.stdout, "changedmade\n2other3a.css\nmade.css\npage.html\n", "{user:?}");
    }
}
