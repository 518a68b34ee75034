//! Registries that say no: which code a phase ends with, what it says, and that there is no report of an image that is
//! not there.

use baler_image::Platform;
use baler_test_registry::{Fault, Image, Options, Rule, TestRegistry};
use fs_err as fs;

use crate::layouts::{open_up, prepare};
use crate::programs::{call, outcome};

/// A build by `creator` against a registry that breaks one rule.
struct Case {
    /// Method and path of the requests that fail, and with what.
    rule: (&'static str, &'static str, u16),
    arguments: &'static [&'static str],
    /// `CNB_REGISTRY_AUTH`.
    authorization: &'static str,
    code: i32,
    says: &'static [&'static str],
}

const NONE: (&str, &str, u16) = ("NONE", "", 200);
const RUN_IMAGE: &str = "/v2/bases/run/manifests/*";
const APP: &str = "/v2/team/app/manifests/*";
const CASE: Case = Case { rule: NONE, arguments: &[], authorization: "{}", code: 0, says: &[] };
const SECRET: &str = r#"{"{registry}":"Basic dXNlcjpzZWNyZXQtd29yZA=="}"#;

const CASES: &[Case] = &[
    Case { says: &["*** Images ("], ..CASE },
    Case { rule: ("GET", RUN_IMAGE, 401), code: 32, says: &["{registry}/bases/run:1"], ..CASE },
    Case { rule: ("GET", RUN_IMAGE, 403), code: 32, says: &["{registry}/bases/run:1"], ..CASE },
    Case { rule: ("GET", RUN_IMAGE, 404), code: 32, says: &["'{registry}/bases/run:1' does not exist"], ..CASE },
    Case { rule: ("GET", RUN_IMAGE, 401), authorization: SECRET, code: 32, says: &["bases/run:1"], ..CASE },
    Case { rule: ("GET", APP, 403), code: 32, says: &["{registry}/team/app:1"], ..CASE },
    Case {
        rule: ("GET", "/v2/old/app/manifests/*", 401),
        arguments: &["-previous-image", "{registry}/old/app"],
        code: 32,
        says: &["{registry}/old/app"],
        ..CASE
    },
    Case {
        rule: ("POST", "/v2/team/app/blobs/uploads/*", 403),
        code: 32,
        says: &["failed to ensure registry read/write access to {registry}/team/app:1"],
        ..CASE
    },
    Case {
        rule: ("POST", "/v2/other/app/blobs/uploads/*", 401),
        arguments: &["-tag", "{registry}/other/app"],
        code: 32,
        says: &["failed to ensure registry read/write access to {registry}/other/app"],
        ..CASE
    },
    Case {
        rule: ("POST", "/v2/team/cache/blobs/uploads/*", 403),
        arguments: &["-cache-image", "{registry}/team/cache"],
        code: 32,
        says: &["failed to ensure registry read/write access to {registry}/team/cache"],
        ..CASE
    },
    Case {
        arguments: &["-tag", "elsewhere.example/app"],
        code: 3,
        says: &["writing to multiple registries is unsupported"],
        ..CASE
    },
    Case { rule: ("PUT", APP, 403), code: 62, says: &["{registry}/team/app:1 - "], ..CASE },
    Case {
        rule: ("PUT", "/v2/other/app/manifests/*", 403),
        arguments: &["-tag", "{registry}/other/app"],
        code: 62,
        says: &["      {registry}/team/app:1\n", "{registry}/other/app - "],
        ..CASE
    },
    Case { authorization: r#"{"{registry}":"Digest x"}"#, code: 1, says: &["failed to resolve keychain"], ..CASE },
    Case { authorization: "user:secret-word", code: 1, says: &["failed to resolve keychain"], ..CASE },
];

#[test]
fn a_registry_that_says_no_ends_the_phase() {
    let place = prepare();
    let registry = TestRegistry::start(Options::default()).unwrap();
    registry
        .push_image("bases/run", Some("1"), &Image::new(&Platform::host().to_string(), vec![b"base".to_vec()]))
        .unwrap();
    let fill = |text: &str| text.replace("{registry}", &registry.address());
    for case in CASES {
        let (method, path, status) = case.rule;
        let about = format!("{:?} {:?} {}", case.rule, case.arguments, case.authorization);
        open_up(&place);
        let Some(mut creator) = call(&place, "create") else { return };
        creator.env("HOME", place.path("tmp")).env("no_proxy", "127.0.0.1").env_remove("CNB_REGISTRY_AUTH");
        creator.env("CNB_REGISTRY_AUTH", fill(case.authorization));
        creator.arg("-launcher").arg(place.path("launcher")).args(["-uid", "65534", "-gid", "65534"]);
        creator.args(case.arguments.iter().map(|argument| fill(argument)));
        creator.args(["-run-image", &fill("{registry}/bases/run:1"), &fill("{registry}/team/app:1")]);
        registry.rule(Rule::new(method, path, Fault::status(status)).always());
        let (code, output) = outcome(&mut creator);
        registry.clear_rules();
        assert_eq!(code, Some(case.code), "{about}: {output}");
        for text in case.says {
            assert!(output.contains(&fill(text)), "{about}: {text} is missing in {output}");
        }
        for secret in ["secret-word", "dXNlcjpz"] {
            assert!(!output.contains(secret), "{about}: {output}");
        }
        let report = place.path("layers/report.toml");
        assert_eq!(report.exists(), case.code == 0, "{about}");
        fs::remove_file(report).unwrap_or_default();
        for name in ["a", "config", "sbom"] {
            fs::remove_dir_all(place.path("layers").join(name)).unwrap_or_default();
        }
    }
}
