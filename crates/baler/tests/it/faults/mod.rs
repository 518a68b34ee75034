//! Each fault of a registry (issue 6, point 10), seen at the command line: the program against `baler dev registry --fault`.
//!
//! What a fault does to single requests is tested in `crates/baler-registry`. Here it must not matter to who pulls, pushes and
//! builds, and `-v` must tell of it; [`errors`] has the faults that do not pass.

mod errors;
mod scene;

use baler_test_registry::{Fault, Image, Options, Rule, TestRegistry, noise};

use scene::{Scene, digest, longest_upload, nothing_leaked, nothing_twice};

/// Faults; commands; what `-v` must tell, or `-` where nothing is to be told.
///
/// `push` sends an image with a layer that is longer than a chunk; all others but `resolve` begin with an empty store.
/// `publish` builds that image, builder and run image being in the same registry; `cache` does so with a cache image that is
/// new, and `restore` with one that has a layer for the build. `rebase` takes an app of the registry to a newer run image of
/// it, under a new name, and `create` makes a builder of a build image in it. `LARGE` is the digest of the longest layer of
/// the run image, `TOKENS` are the flags of a registry with tokens.
const SURVIVED: &str = "
408:times=2                                                | resolve pull push publish rebase                | try 2 of 5 failed
429:retry-after=1                                          | resolve pull push publish rebase create         | the next is in 1.0 s; too many requests
429:retry-after=1,on=chunks                                | push publish                                    | the next is in 1.0 s; too many requests
500:times=2                                                | resolve                                         | try 2 of 5 failed; status 500
500:on=blobs,times=2                                       | pull publish rebase restore                     | status 500
502:times=2                                                | resolve                                         | try 2 of 5 failed; status 502
502:on=uploads,times=2                                     | push publish cache                              | status 502
503:times=2,after=3                                        | pull push publish rebase cache create           | status 503
503:method=PUT,on=manifests,times=2                        | push publish rebase cache create                | try 2 of 5 failed
503:path=/v2/cache/*,times=2                               | restore                                         | try 2 of 5 failed
504:times=2                                                | resolve                                         | try 2 of 5 failed; status 504
504:on=chunks,times=2                                      | push cache                                      | status 504
reset-before:times=2                                       | resolve pull push publish                       | broke
reset-before:on=chunks                                     | push                                            | broke
reset-before:times=2,after=1                               | rebase                                          | broke
reset-before:path=/v2/*cache/*,times=2                     | cache restore                                   | broke
reset-unanswered:times=2                                   | resolve pull push publish                       | broke
reset-unanswered:on=chunks                                 | push publish rebase cache create                | has arrived, though the connection to
reset-unanswered:on=manifests,method=PUT                   | push publish rebase cache                       | broke
reset-unanswered:after=4                                   | rebase                                          | broke
reset-after:times=always                                   | resolve pull push                               |
reset-in:on=manifests,times=2                              | resolve                                         | broke
reset-in:path=*LARGE,bytes=70000,times=2                   | pull                                            | LARGE broke
reset-in:on=blobs,path=/v2/cache/*                         | restore                                         | broke
truncate:on=manifests,times=2                              | resolve                                         | broke
truncate:path=*LARGE,bytes=70000,times=2                   | pull                                            | LARGE broke
truncate:on=manifests                                      | rebase                                          | broke
truncate-silently:on=manifests,times=2                     | resolve                                         | sent bytes with the digest
truncate-silently:path=*LARGE,bytes=70000                  | pull publish                                    | LARGE ended after 70000 of
truncate-silently:bytes=200                                | rebase                                          | ended after 200 of
truncate-silently:bytes=200,path=/v2/cache/blobs/*,after=1 | restore                                         | ended after 200 of
no-ranges + truncate:path=*LARGE,after=9                   | pull                                            | -
stall:path=*LARGE,bytes=70000                              | pull                                            | did not answer in time
stall:path=/v2/cache/blobs/*                               | restore                                         | did not answer in time
stall-before:on=manifests                                  | resolve                                         | did not answer in time
stall-before:on=manifests,method=GET                       | rebase                                          | did not answer in time
slow:seconds=0.01                                          | pull                                            | -
damage:on=manifests                                        | resolve                                         | sent bytes with the digest
damage                                                     | pull publish rebase                             | sent bytes with the digest
damage:path=*LARGE                                         | pull publish                                    | sent blob LARGE damaged
damage:path=/v2/cache/blobs/*,after=1,times=2              | restore                                         | sent blob sha256:
damage:on=manifests,path=/v2/cache/*                       | restore                                         | sent bytes with the digest
TOKENS token-expires:after=1                               | pull push publish                               | -
TOKENS token-expires:method=PATCH                          | push                                            | -
TOKENS token-expires:on=uploads,after=2                    | push publish                                    | -
TOKENS token-expires:after=2                               | rebase cache restore create                     | -
TOKENS 503:on=tokens                                       | pull push publish rebase                        | /token
TOKENS reset-before:on=tokens                              | pull                                            | /token
TOKENS redirect                                            | pull publish                                    | -
no-head                                                    | push publish cache create                       | -
no-head + no-mount                                         | rebase                                          | -
no-digest                                                  | resolve pull push publish rebase restore create | -
wrong-digest                                               | resolve                                         | sent bytes with the digest
no-length                                                  | resolve pull publish rebase restore             | -
redirect                                                   | pull publish rebase restore create              | -
no-mount                                                   | publish rebase                                  | -
reset-upload                                               | push publish rebase cache                       | broke
reset-upload:bytes=1000000,method=PATCH                    | push publish create                             | broke
no-pieces                                                  | push publish create                             | takes no pieces of blobs: they are sent whole from now on
forget-upload                                              | push publish rebase cache create                | does not exist
forget-upload:method=PATCH,after=1                         | push publish                                    | forgot an upload after 5242880 bytes: sending it again
forget-upload:on=chunks,path=/v2/*/cache/*                 | cache                                           | does not exist
content-type                                               | resolve pull publish                            | -
content-type:type=text/html,on=all                         | resolve pull publish rebase restore             | -
";

fn rows(command: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let rows = SURVIVED.lines().filter(|line| !line.is_empty()).map(|line| {
        let mut cells = line.split('|').map(str::trim);
        (cells.next().unwrap(), cells.next().unwrap(), cells.next().unwrap())
    });
    rows.filter(move |(_, commands, _)| commands.split(' ').any(|own| own == command))
        .map(|(faults, _, told)| (faults, told))
}

/// Runs the commands in each row that has them, in one scene.
#[track_caller]
fn survive(commands: &[&str]) {
    let Some(scene) = Scene::new() else { return };
    if commands.contains(&"rebase") {
        scene.publish_app();
    }
    for command in commands {
        survives(&scene, command);
    }
}

/// Runs the command in each row that has it. The images that come of it are what they are without a fault.
#[track_caller]
fn survives(scene: &Scene, command: &str) {
    let (outcome, log) = scene.run("", command);
    let (expected, longest) = ((digest(command, &outcome.success()), scene.made()), longest_upload(&log));
    assert!(expected.0.is_some() || !expected.1.is_empty(), "something comes of it");
    let mut seen = 0;
    for (faults, told) in rows(command) {
        let (outcome, log) = scene.run(faults, command);
        let row = format!("{command} with {faults}\n{outcome:#?}\n{log:#?}");
        assert_eq!(outcome.code, Some(0), "{row}");
        assert_eq!((digest(command, &outcome), scene.made()), expected, "{row}");
        assert!(command != "restore" || outcome.stdout.contains("KEPT"), "{row}");
        assert!(
            log.iter().any(|line| line.contains(" fault ")) || faults.contains("after=9"),
            "it did not befall: {row}"
        );
        for text in told.split(';').map(str::trim).filter(|text| !matches!(*text, "" | "-")) {
            let text = scene.filled(text);
            assert!(outcome.stdout.contains(&text), "{text} is not told: {row}");
        }
        assert!(told != "-" || !outcome.stdout.contains(" failed, the next is in "), "{row}");
        nothing_leaked(&outcome, &log, &row);
        nothing_twice(&log, longest, &row);
        seen += 1;
    }
    assert!(seen > 7, "{seen}");
}

#[test]
fn reading_survives() {
    survive(&["resolve", "pull"]);
}

#[test]
fn pushing_survives() {
    survive(&["push", "create"]);
}

#[test]
fn publishing_survives() {
    survive(&["publish"]);
}

#[test]
fn rebasing_and_caching_survive() {
    survive(&["rebase", "cache", "restore"]);
}

/// A layer of the run image goes from one registry to another, and through no store.
#[test]
fn a_layer_that_comes_damaged_on_its_way_to_another_registry() {
    let Some(scene) = Scene::new() else { return };
    let (from, to) = (registry(), registry());
    let image = Image::new("linux/amd64", vec![noise(300_000)]);
    from.push_image("run", Some("1"), &image).unwrap();
    let layer = &image.layers[0].0.digest;
    let (run, app) = (format!("{}/run:1", from.address()), format!("{}/app", to.address()));
    let publish =
        || scene.place.run(&["-v", "build", &app, "--publish", "-B", "builder", "-p", "app", "--run-image", &run]);
    let damage = || Rule::new("GET", &format!("/v2/run/blobs/{layer}"), Fault::Damage);
    from.rule(damage().always());
    let failed = publish().failure(1);
    assert!(failed.stderr.contains(", at the last of 3 tries"), "{failed:#?}");
    assert!(
        failed.stderr.contains(&format!("blob {layer} in the registry {} is damaged", from.address())),
        "{failed:#?}"
    );
    assert!(failed.stderr.contains("hint: the registry, or a proxy or mirror before it"), "{failed:#?}");
    from.clear_rules();
    from.rule(damage().times(2));
    let told = publish().success().stdout;
    assert_eq!(told.matches(&format!("sent blob {layer} damaged")).count(), 2, "{told}");
    assert_eq!(to.blob("app", layer).unwrap(), image.layers[0].1);
    assert_eq!(to.uploads(), 0);
}

fn registry() -> TestRegistry {
    TestRegistry::start(Options::default()).unwrap()
}
