//! Where credentials may be kept: a table. Each row is tried with passwords and with tokens where both can be.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;

use baler_test_registry::Authorization;

use super::{Kind, PAIR, PASSWORD, REFRESH, Scene};
use crate::support::{Outcome, User, users, write};

/// Both kinds of registries, or the one that gives out tokens.
const BOTH: &[Kind] = &[Kind::Basic, Kind::Tokens];
const TOKENS: &[Kind] = &[Kind::Tokens];

/// What it is; in which file, and its text; which variable, and its value; where the program says that they are from.
/// `<AT>` is the registry, `HOME` the home directory, `PAIR` base64 of user and password, `TOKEN` an access token.
type Row = (&'static str, &'static [Kind], (&'static str, &'static str), (&'static str, &'static str), &'static str);

const DOCKER: &str = ".docker/config.json";
const NO_FILE: (&str, &str) = ("", "");
const NO_VARIABLE: (&str, &str) = ("", "");

const ROWS: &[Row] = &[
    ("base64", BOTH, (DOCKER, r#"{"auths": {"<AT>": {"auth": "PAIR"}}}"#), NO_VARIABLE, "HOME/.docker/config.json"),
    (
        "user and password, under an old address",
        BOTH,
        (DOCKER, r#"{"auths": {"https://<AT>/v1/": {"username": "me", "password": "PASSWORD"}}}"#),
        NO_VARIABLE,
        "HOME/.docker/config.json",
    ),
    (
        "a refresh token",
        TOKENS,
        (DOCKER, r#"{"auths": {"<AT>": {"auth": "PHRva2VuPjo=", "identitytoken": "REFRESH"}}}"#),
        NO_VARIABLE,
        "HOME/.docker/config.json",
    ),
    (
        "an access token",
        TOKENS,
        (DOCKER, r#"{"auths": {"<AT>": {"registrytoken": "TOKEN"}}}"#),
        NO_VARIABLE,
        "HOME/.docker/config.json",
    ),
    (
        "the helper of a registry",
        BOTH,
        (DOCKER, r#"{"credHelpers": {"<AT>": "mine"}, "credsStore": "absent"}"#),
        NO_VARIABLE,
        "docker-credential-mine",
    ),
    (
        "the helper of all registries",
        BOTH,
        (DOCKER, r#"{"auths": {"<AT>": {}}, "credsStore": "mine"}"#),
        NO_VARIABLE,
        "docker-credential-mine",
    ),
    (
        "a helper with a refresh token",
        TOKENS,
        (DOCKER, r#"{"credsStore": "refresh"}"#),
        NO_VARIABLE,
        "docker-credential-refresh",
    ),
    (
        "a helper that has none, and a file that has",
        BOTH,
        (DOCKER, r#"{"auths": {"<AT>": {"auth": "PAIR"}}, "credsStore": "none"}"#),
        NO_VARIABLE,
        "HOME/.docker/config.json",
    ),
    (
        "the most specific path",
        BOTH,
        (
            DOCKER,
            r#"{"auths": {"<AT>": {"auth": "bWU6d3Jvbmc="}, "<AT>/team": {"auth": "PAIR"}, "<AT>/te": {"auth": "bWU6d3Jvbmc="}}}"#,
        ),
        NO_VARIABLE,
        "HOME/.docker/config.json",
    ),
    (
        "a directory of Docker's",
        BOTH,
        ("docker/config.json", r#"{"auths": {"<AT>": {"auth": "PAIR"}}}"#),
        ("DOCKER_CONFIG", "HOME/docker"),
        "HOME/docker/config.json",
    ),
    (
        "a file of Podman's that is named",
        BOTH,
        ("named.json", r#"{"auths": {"<AT>/team": {"auth": "PAIR"}}}"#),
        ("REGISTRY_AUTH_FILE", "HOME/named.json"),
        "HOME/named.json",
    ),
    (
        "Podman's file of the session",
        BOTH,
        ("session/containers/auth.json", r#"{"auths": {"<AT>": {"auth": "PAIR"}}}"#),
        ("XDG_RUNTIME_DIR", "HOME/session"),
        "HOME/session/containers/auth.json",
    ),
    (
        "Podman's file of the user",
        BOTH,
        (".config/containers/auth.json", r#"{"auths": {"<AT>": {"auth": "PAIR"}}}"#),
        NO_VARIABLE,
        "HOME/.config/containers/auth.json",
    ),
    ("a variable", BOTH, NO_FILE, ("CNB_REGISTRY_AUTH", r#"{"<AT>": "Basic PAIR"}"#), "CNB_REGISTRY_AUTH"),
    (
        "a variable with an access token",
        TOKENS,
        NO_FILE,
        ("CNB_REGISTRY_AUTH", r#"{"<AT>": "Bearer TOKEN"}"#),
        "CNB_REGISTRY_AUTH",
    ),
    (
        "a variable with a refresh token",
        TOKENS,
        NO_FILE,
        ("CNB_REGISTRY_AUTH", r#"{"<AT>": "X-Identity REFRESH"}"#),
        "CNB_REGISTRY_AUTH",
    ),
    (
        "a variable before a file",
        BOTH,
        (DOCKER, r#"{"auths": {"<AT>": {"auth": "bWU6d3Jvbmc="}}}"#),
        ("CNB_REGISTRY_AUTH", r#"{"<AT>": "Basic PAIR"}"#),
        "CNB_REGISTRY_AUTH",
    ),
];

/// An access token for all that the commands do.
fn access_token(address: &str) -> String {
    let scopes =
        ["run:pull", "app:pull,push", "phase:pull,push"].map(|scope| format!("&scope=repository:team/{scope}"));
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let request = format!(
        "GET /token?service=registry{} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Basic {PAIR}\r\nConnection: close\r\n\r\n",
        scopes.concat()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    body["token"].as_str().unwrap().to_owned()
}

/// Writes the helpers `mine`, `refresh` and `none`; returns a `PATH` that has them.
pub(super) fn helpers(scene: &Scene) -> (&'static str, String) {
    let answers = [
        ("mine", format!("{{\"Username\": \"me\", \"Secret\": \"{PASSWORD}\"}}"), 0),
        ("refresh", format!("{{\"Username\": \"<token>\", \"Secret\": \"{REFRESH}\"}}"), 0),
        ("none", "credentials not found in native keychain".to_owned(), 1),
    ];
    for (name, answer, code) in answers {
        let script =
            format!("[ \"$1\" = get ] && [ \"$(cat)\" = \"{}\" ] || exit 7\necho '{answer}'\nexit {code}", scene.host);
        helper(scene, name, &script);
    }
    ("PATH", format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", scene.path().join("bin").display()))
}

pub(super) fn helper(scene: &Scene, name: &str, script: &str) {
    let path = scene.path().join("bin").join(format!("docker-credential-{name}"));
    write(&path, &format!("#!/bin/sh\n{script}\n"));
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn wherever_they_are_kept_they_are_used_and_stay_there() {
    for user in users() {
        for kind in [Kind::Basic, Kind::Tokens] {
            let Some(scene) = Scene::new(user, kind) else { return };
            // What differs between users is who may read what: one row of each kind is enough for those.
            let every = if user == User::Caller { 1 } else { 7 };
            for row in ROWS.iter().filter(|row| row.1.contains(&kind)).step_by(every) {
                check(&scene, kind, row);
            }
        }
    }
}

fn check(scene: &Scene, kind: Kind, (what, _, (file, text), (variable, value), origin): &Row) {
    let home = scene.path().to_str().unwrap();
    let token = if format!("{text}{value}").contains("TOKEN") { access_token(&scene.address) } else { String::new() };
    let filled = |text: &str| {
        let text = text.replace("<AT>", &scene.host).replace("HOME", home).replace("PAIR", PAIR);
        text.replace("PASSWORD", PASSWORD).replace("REFRESH", REFRESH).replace("TOKEN", &token)
    };
    let file = (!file.is_empty()).then(|| scene.path().join(file));
    if let Some(file) = &file {
        write(file, &filled(text));
    }
    let mut variables = vec![helpers(scene)];
    variables.extend((!variable.is_empty()).then(|| (*variable, filled(value))));
    scene.registry.clear_log();
    let outcomes = scene.all(&variables, (&[], &[])).map(Outcome::success);
    let told = format!("logging in to {} with the credentials of {}", scene.host, filled(origin));
    for outcome in &outcomes {
        assert!(outcome.stdout.contains(&told), "{what}: {}", outcome.stdout);
    }
    let more: &[&str] = if token.is_empty() { &[] } else { &[&token] };
    scene.has_no_secret_outside(&outcomes, more);
    let log = scene.registry.log();
    let carried_out = log.iter().filter(|request| request.path.contains("/manifests/") && request.status < 300);
    for request in carried_out {
        let expected = match kind {
            Kind::Basic => Authorization::Basic("me".to_owned()),
            Kind::Tokens => Authorization::Bearer,
        };
        assert_eq!(request.authorization, expected, "{what}: {request}");
    }
    if let Some(file) = file {
        std::fs::remove_file(file).unwrap();
    }
}
