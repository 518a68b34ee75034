//! Credentials that are not there, not accepted, or cannot be had: what is said, by the program and by a phase.

use super::accepted::{helper, helpers};
use super::{Kind, PASSWORD, Scene};
use crate::support::{User, write};

/// What it is; Docker's file; what is said by both; the program's hint.
type Row = (&'static str, &'static str, &'static str, &'static str);

const ROWS: &[Row] = &[
    ("none", "{}", "access refused with status 401", "`baler login <AT>`"),
    (
        "wrong",
        r#"{"auths": {"<AT>": {"auth": "bWU6czNjcmV0LXdyb25n"}}}"#,
        "with the credentials of HOME/.docker/config.json",
        "log in again with `baler login <AT>`",
    ),
    (
        "a helper that is not there",
        r#"{"credHelpers": {"<AT>": "absent"}}"#,
        "no directory of PATH has docker-credential-absent",
        "hint: install docker-credential-absent, or remove it from",
    ),
    ("a helper that fails", r#"{"credsStore": "locked"}"#, "docker-credential-locked failed: the store is locked", ""),
    ("a helper that fails elsewhere", r#"{"credsStore": "errors"}"#, "docker-credential-errors failed: no display", ""),
    ("a helper that dies", r#"{"credsStore": "dies"}"#, "docker-credential-dies failed: signal: 9 (SIGKILL)", ""),
    ("a helper without words", r#"{"credsStore": "silent"}"#, "docker-credential-silent failed: exit status: 3", ""),
    (
        "a helper that answers and fails",
        r#"{"credsStore": "half"}"#,
        "docker-credential-half failed: exit status: 1",
        "",
    ),
    (
        "a helper without JSON",
        r#"{"credsStore": "text"}"#,
        "docker-credential-text did not answer with credentials",
        "",
    ),
    (
        "a helper with an empty answer",
        r#"{"credsStore": "empty"}"#,
        "docker-credential-empty did not answer with credentials",
        "",
    ),
    ("a helper with no name", r#"{"credsStore": "../x"}"#, "'../x' is not a credential helper's name", ""),
    (
        "an entry that is damaged",
        r#"{"auths": {"<AT>": {"auth": "s3cret-password%"}}}"#,
        "the entry '<AT>' has no base64 of user:password",
        "",
    ),
    (
        "a file that is damaged",
        r#"{"auths": {"<AT>": {"auth": "s3cret-password", 5}}}"#,
        ".docker/config.json is damaged: not a file of credentials: line 1, column ",
        "",
    ),
];

/// It may wait for somebody who is not there. What it started waits with it, and ends with it.
#[test]
fn a_helper_that_hangs() {
    let Some(scene) = Scene::new(User::Caller, Kind::Basic) else { return };
    let started = scene.path().join("started");
    helper(&scene, "hangs", &format!("echo $$ >>{0}; sleep 1000 & echo $! >>{0}; wait", started.display()));
    write(&scene.path().join(".docker/config.json"), r#"{"credsStore": "hangs"}"#);
    let variables = [helpers(&scene), ("BALER_HELPER_TIMEOUT", "1".to_owned())];
    let [pull, build, phase] = scene.all(&variables, (&[], &[]));
    let words = format!("could not get credentials for {}", scene.host);
    for (said, code) in [(pull, 1), (build, 1), (phase, 32)] {
        assert_eq!(said.code, Some(code), "{said:#?}");
        let said = format!("{}{}", said.stdout, said.stderr);
        assert!(said.contains(&words) && said.contains("docker-credential-hangs did not answer in 1 s"), "{said}");
        assert!(code != 1 || said.contains("hint: does docker-credential-hangs wait for somebody?"), "{said}");
    }
    let started = std::fs::read_to_string(started).unwrap();
    assert!(started.lines().count() >= 6, "{started}");
    let runs = |process: &&str| {
        std::fs::read_to_string(format!("/proc/{process}/cmdline")).is_ok_and(|line| line.starts_with("sleep"))
    };
    let running: Vec<&str> = started.lines().filter(runs).collect();
    assert!(running.is_empty(), "they run on: {running:?}");
    let wrong = scene.run(&["pull", &scene.name("run:1")], &[("BALER_HELPER_TIMEOUT", "soon".to_owned())]).failure(1);
    let words = "BALER_HELPER_TIMEOUT is a number of seconds from 1 to 86400, not 'soon'";
    assert!(wrong.stderr.contains(words), "{wrong:#?}");
}

#[test]
fn each_has_its_own_words_and_none_of_the_secret() {
    for kind in [Kind::Basic, Kind::Tokens] {
        let Some(scene) = Scene::new(User::Caller, kind) else { return };
        let variables = [helpers(&scene)];
        for (name, script) in [
            ("locked", "echo the store is locked; exit 1"),
            ("errors", "echo no display >&2; exit 1"),
            ("dies", "kill -9 $$"),
            ("silent", "exit 3"),
            ("half", &format!("echo '{{\"Username\": \"me\", \"Secret\": \"{PASSWORD}\"}}'; exit 1")),
            ("text", "echo me and my password"),
            ("empty", ""),
        ] {
            helper(&scene, name, script);
        }
        for (what, file, both, hint) in ROWS {
            let filled = |text: &str| text.replace("<AT>", &scene.host).replace("HOME", scene.path().to_str().unwrap());
            write(&scene.path().join(".docker/config.json"), &filled(file));
            let [pull, build, phase] = scene.all(&variables, (&[], &[]));
            let (pull, build) = (pull.failure(1), build.failure(1));
            for said in [&pull, &build] {
                let said = &said.stderr;
                assert!(said.contains(&filled(both)) && said.contains(&filled(hint)), "{what}: {said}");
            }
            // Each says it as it says everything.
            let said = format!("{}{}", phase.stdout, phase.stderr);
            assert!(phase.code == Some(if both.contains("line 1") { 1 } else { 32 }), "{what}: {said}");
            assert!(said.contains(&filled(both)), "{what}: {said}");
            assert!(!said.contains("no layers") && !pull.stderr.contains("no layers"), "{what}: {said}");
            scene.has_no_secret_outside(&[pull, build, phase], &["s3cret-wrong"]);
        }
    }
}
