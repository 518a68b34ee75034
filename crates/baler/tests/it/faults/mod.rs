//! Each fault of a registry (issue 6, point 10), seen at the command line: the program against `baler dev registry --fault`.
//!
//! What a fault does to single requests is tested in `crates/baler-registry`. Here it must not matter to who pulls, pushes and
//! builds, and `-v` must tell of it; [`errors`] has the faults that do not pass.

mod errors;
mod scene;

use baler_test_registry::{Fault, Image, Options, Rule, TestRegistry, noise};

use scene::{Scene, digest, nothing_leaked, nothing_twice};

/// Faults; commands; what `-v` must tell, or `-` where nothing is to be told.
///
/// `pull` begins with an empty store, `push` sends an image with a layer that is longer than a chunk, and `publish` builds it
/// with an empty store, builder and run image being in the same registry. `LARGE` is the digest of the longest layer of the run image, `TOKENS` are the
/// flags of a registry with tokens.
const SURVIVED: &str = "
408:times=2                                 | resolve pull push publish | try 2 of 5 failed
429:retry-after=1                           | resolve pull push publish | the next is in 1.0 s; too many requests
429:retry-after=1,on=chunks                 | push publish              | the next is in 1.0 s; too many requests
500:times=2                                 | resolve                   | try 2 of 5 failed; status 500
500:on=blobs,times=2                        | pull publish              | status 500
502:times=2                                 | resolve                   | try 2 of 5 failed; status 502
502:on=uploads,times=2                      | push publish              | status 502
503:times=2,after=3                         | pull push publish         | status 503
503:method=PUT,on=manifests,times=2         | push publish              | try 2 of 5 failed
504:times=2                                 | resolve                   | try 2 of 5 failed; status 504
504:on=chunks,times=2                       | push                      | status 504
reset-before:times=2                        | resolve pull push publish | broke
reset-before:on=chunks                      | push                      | broke
reset-unanswered:times=2                    | resolve pull push publish | broke
reset-unanswered:on=chunks                  | push publish              | has arrived, though the connection to
reset-unanswered:on=manifests,method=PUT    | push publish              | broke
reset-after:times=always                    | resolve pull push         |
reset-in:on=manifests,times=2               | resolve                   | broke
reset-in:path=*LARGE,bytes=70000,times=2    | pull                      | LARGE broke
truncate:on=manifests,times=2               | resolve                   | broke
truncate:path=*LARGE,bytes=70000,times=2    | pull                      | LARGE broke
truncate-silently:on=manifests,times=2      | resolve                   | sent bytes with the digest
truncate-silently:path=*LARGE,bytes=70000   | pull publish              | LARGE ended after 70000 of
no-ranges + truncate:path=*LARGE,after=9    | pull                      | -
stall:path=*LARGE,bytes=70000               | pull                      | did not answer in time
stall-before:on=manifests                   | resolve                   | did not answer in time
slow:seconds=0.01                           | pull                      | -
damage:on=manifests                         | resolve                   | sent bytes with the digest
damage                                      | pull publish              | sent bytes with the digest
damage:path=*LARGE                          | pull publish              | sent blob LARGE damaged
TOKENS token-expires:after=1                | pull push publish         | -
TOKENS token-expires:method=PATCH           | push                      | -
TOKENS token-expires:on=uploads,after=2     | push publish              | -
TOKENS 503:on=tokens                        | pull push publish         | /token
TOKENS reset-before:on=tokens               | pull                      | /token
TOKENS redirect                             | pull publish              | -
no-head                                     | push publish              | -
no-digest                                   | resolve pull push publish | -
wrong-digest                                | resolve                   | sent bytes with the digest
no-length                                   | resolve pull publish      | -
redirect                                    | pull publish              | -
no-mount                                    | publish                   | -
reset-upload                                | push publish              | broke
reset-upload:bytes=1000000,method=PATCH     | push publish              | broke
forget-upload                               | push publish              | does not exist
forget-upload:method=PATCH,after=1          | push publish              | forgot an upload after 5242880 bytes: sending it again
content-type                                | resolve pull publish      | -
content-type:type=text/html,on=all          | resolve pull publish      | -
";

fn rows(command: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let rows = SURVIVED.lines().filter(|line| !line.is_empty()).map(|line| {
        let mut cells = line.split('|').map(str::trim);
        (cells.next().unwrap(), cells.next().unwrap(), cells.next().unwrap())
    });
    rows.filter(move |(_, commands, _)| commands.split(' ').any(|own| own == command))
        .map(|(faults, _, told)| (faults, told))
}

/// Runs the command in each row that has it. The images that come of it are what they are without a fault.
#[track_caller]
fn survives(command: &str) {
    let Some(scene) = Scene::new() else { return };
    let expected = scene.run("", command).0.success();
    let expected = digest(command, &expected).expect("it says what came of it");
    let mut seen = 0;
    for (faults, told) in rows(command) {
        let (outcome, log) = scene.run(faults, command);
        let row = format!("{command} with {faults}\n{outcome:#?}\n{log:#?}");
        assert_eq!(outcome.code, Some(0), "{row}");
        assert_eq!(digest(command, &outcome).as_ref(), Some(&expected), "{row}");
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
        nothing_twice(&log, &row);
        seen += 1;
    }
    assert!(seen > 10, "{seen}");
}

#[test]
fn resolving_survives() {
    survives("resolve");
}

#[test]
fn pulling_survives() {
    survives("pull");
}

#[test]
fn pushing_survives() {
    survives("push");
}

#[test]
fn publishing_survives() {
    survives("publish");
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
