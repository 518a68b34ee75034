//! Logging in: passwords, tokens that end, refresh tokens, path-scoped entries; and keeping credentials.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panic, and says what it skips")]

mod support;

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use baler_image::{SinkError, Source as _, SourceError, Transferred, transfer};
use baler_registry::{
    Client, Credentials, Keychain, KeychainContext, Origin, RegistryError, Settings, erase_login, store_login,
};
use baler_test_registry::{Auth, Authorization, Fault, Options, Rule, TestRegistry, TokenServer, User};
use support::{client, heard, image, keychain, name, put, round_trip, settings, sink, source};

fn start(auth: Auth) -> TestRegistry {
    TestRegistry::start(Options { auth, ..Options::default() }).unwrap()
}

fn users() -> Vec<User> {
    vec![User { refresh_token: Some("refresh".to_owned()), ..User::new("user", "password") }]
}

/// Credentials for a registry, as `CNB_REGISTRY_AUTH` has them.
fn with(registry: &TestRegistry, header: &str) -> Settings {
    Settings { keychain: keychain(&format!(r#"{{"{}": "{header}"}}"#, registry.address())), ..settings() }
}

/// user:password
const PAIR: &str = "Basic dXNlcjpwYXNzd29yZA==";

#[test]
fn passwords() {
    let registry = start(Auth::Basic(users()));
    round_trip(&client(with(&registry, PAIR)), &registry.address(), "app");
    let log = registry.log();
    assert_eq!((log[0].authorization.clone(), log[0].status), (Authorization::Absent, 401));
    assert!(log[1..].iter().all(|request| request.authorization == Authorization::Basic("user".to_owned())));
}

#[test]
fn tokens_end_in_the_middle() {
    let server = TokenServer { uses: Some(2), ..TokenServer::new(users()) };
    let registry = start(Auth::Token(server));
    registry.rule(Rule::new("GET", "/token", Fault::status(503)));
    registry.rule(Rule::new("PATCH", "*", Fault::TokenExpires));
    registry.rule(Rule::new("GET", "*/blobs/*", Fault::TokenExpires));
    round_trip(&client(with(&registry, PAIR)), &registry.address(), "app");
    let log = registry.log();
    assert_eq!(log[0].authorization, Authorization::Absent, "the first request has no credentials");
    for request in log {
        let is_basic = matches!(request.authorization, Authorization::Basic(_));
        assert_eq!(is_basic, request.path.starts_with("/token"), "{request}");
    }
}

/// A server of tokens that gives none for two repositories, as a mount needs it: the blob is sent.
#[test]
fn a_token_for_two_repositories_that_is_not_given() {
    for status in [400, 401, 403, 404, 500] {
        let registry = start(Auth::Token(TokenServer::new(users())));
        let image = image(1000);
        registry.push_image("app", Some("1"), &image).unwrap();
        registry.rule(Rule::new("GET", "/token?*scope=*scope=*", Fault::status(status)).always());
        let client = client(with(&registry, PAIR));
        let (from, to) = (source(&client, &registry.address(), "app"), sink(&client, &registry.address(), "to"));
        // The registry is known to want tokens.
        to.check_push().unwrap();
        let sent = transfer(&image.layers[0].0, &from, &to, &mut |_| {}).unwrap();
        assert_eq!(sent, Transferred::Sent, "{status}");
        assert_eq!(registry.uploads(), 0);
    }
}

#[test]
fn tokens_are_kept_as_long_as_they_live() {
    let (short, long) = (Some(1), Some(3600));
    for (stated_life, expected) in [(long, 1), (None, 1), (short, 2)] {
        let registry = start(Auth::Token(TokenServer { stated_life, ..TokenServer::new(users()) }));
        registry.push_image("app", Some("1"), &image(10)).unwrap();
        let source = source(&client(settings()), &registry.address(), "app");
        let tag = name(&format!("{}/app:1", registry.address()));
        source.find(&tag).unwrap().unwrap();
        if stated_life == short {
            std::thread::sleep(Duration::from_millis(1100));
        }
        source.find(&tag).unwrap().unwrap();
        assert_eq!(registry.lines().iter().filter(|line| *line == "GET /token").count(), expected);
    }
}

#[test]
fn many_threads_ask_for_one_token() {
    let registry = start(Auth::Token(TokenServer::new(users())));
    registry.push_image("app", Some("1"), &image(10)).unwrap();
    let client = client(settings());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let tag = name(&format!("{}/app:1", registry.address()));
                source(&Arc::clone(&client), &registry.address(), "app").find(&tag).unwrap().unwrap();
            });
        }
    });
    assert_eq!(registry.lines().iter().filter(|line| *line == "GET /token").count(), 1);
}

#[test]
fn refresh_tokens_are_exchanged() {
    let registry = start(Auth::Token(TokenServer { uses: Some(3), ..TokenServer::new(users()) }));
    round_trip(&client(with(&registry, "X-Identity refresh")), &registry.address(), "app");
    let log = registry.log();
    assert!(log.iter().any(|request| request.line() == "POST /token" && request.status == 200));
    assert!(log.iter().all(|request| request.line() != "GET /token"));
    let wrong = sink(&client(with(&registry, "X-Identity other")), &registry.address(), "app").check_push();
    assert!(matches!(wrong, Err(SinkError::Refused { .. })), "{wrong:?}");
}

#[test]
fn refusals_name_the_credentials() {
    for auth in [Auth::Basic(users()), Auth::Token(TokenServer { anonymous_pull: false, ..TokenServer::new(users()) })]
    {
        let registry = start(auth);
        registry.push_image("app", Some("1"), &image(10)).unwrap();
        let find = |settings: Settings| {
            let source = source(&client(settings), &registry.address(), "app");
            let Err(SourceError::Refused { source, .. }) = source.find(&name(&format!("{}/app:1", registry.address())))
            else {
                panic!("not refused")
            };
            let error = *source.downcast::<RegistryError>().unwrap();
            let RegistryError::Refused { origin, .. } = error else { panic!("{error:?}") };
            origin
        };
        // user:wrong
        assert_eq!(find(with(&registry, "Basic dXNlcjp3cm9uZw==")), Some(Origin::Variable));
        assert_eq!(find(settings()), None);
    }
}

#[test]
fn readers_may_not_push() {
    let reader = User { may_push: false, ..User::new("user", "password") };
    for auth in [Auth::Basic(vec![reader.clone()]), Auth::Token(TokenServer::new(vec![reader.clone()]))] {
        let registry = start(auth);
        let client = client(with(&registry, PAIR));
        let pushed = put(&sink(&client, &registry.address(), "app"), &image(10).layers[0]);
        assert!(matches!(pushed, Err(SinkError::Refused { .. })), "{pushed:?}");
        assert!(registry.log().len() < 6, "it is not tried again: {:#?}", registry.log());
    }
}

#[test]
fn a_token_server_that_is_gone() {
    let registry = start(Auth::Token(TokenServer::new(users())));
    registry.push_image("app", Some("1"), &image(10)).unwrap();
    registry.rule(Rule::new("GET", "/token", Fault::status(500)).always());
    let (settings, heard) = heard();
    let found =
        source(&client(settings), &registry.address(), "app").find(&name(&format!("{}/app:1", registry.address())));
    let Err(SourceError::Failed { source, .. }) = found else { panic!("{found:?}") };
    let error = *source.downcast::<RegistryError>().unwrap();
    assert!(matches!(&error, RegistryError::Token { .. }), "{error:?}");
    assert!(matches!(error.root(), RegistryError::Status { status: 500, .. }), "{error:?}");
    // It was tried as often as is right, and not that often for each of as many tries of the request.
    assert_eq!(heard.lock().unwrap().len(), 3, "{heard:?}");
}

#[test]
fn login_is_checked() {
    let given = |registry: &TestRegistry, password: &str| {
        let credentials = Credentials::Basic { username: "user".to_owned(), password: password.into() };
        let keychain = Keychain::given(&registry.address(), credentials);
        Client::new(Settings { keychain, ..settings() }).unwrap().check_login(&registry.address())
    };
    for auth in [Auth::Basic(users()), Auth::Token(TokenServer::new(users()))] {
        let registry = start(auth);
        assert!(given(&registry, "password").unwrap());
        let wrong = given(&registry, "wrong");
        let expected = Some(Origin::Given);
        assert!(matches!(&wrong, Err(RegistryError::Refused { origin, .. }) if *origin == expected), "{wrong:?}");
    }
    assert!(!given(&start(Auth::Open), "anything").unwrap(), "nobody asked");
}

struct Home(tempfile::TempDir);

impl Home {
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn with<T>(&self, act: impl FnOnce(&KeychainContext<'_>) -> T) -> T {
        act(&KeychainContext { variable: &|_| None, home: Some(self.0.path()), search: vec![self.path("bin")] })
    }

    fn login(&self, key: &str) -> Origin {
        self.with(|context| store_login(context, &key.parse().unwrap(), "me", &"s3cret".into())).unwrap()
    }

    fn logout(&self, key: &str) -> Vec<Origin> {
        self.with(|context| erase_login(context, &key.parse().unwrap())).unwrap()
    }

    fn credentials(&self, registry: &str, path: &str) -> Credentials {
        let keychain = self.with(Keychain::from_context).unwrap();
        keychain.credentials(&baler_registry::Repository::new(registry, path)).unwrap().0
    }
}

#[test]
fn logins_are_kept_where_they_are_read() {
    let home = Home(tempfile::tempdir().unwrap());
    let file = home.path(".docker/config.json");
    let me = Credentials::Basic { username: "me".to_owned(), password: "s3cret".into() };
    assert_eq!(home.logout("r.example"), []);
    assert!(!file.exists(), "logging out makes no file");
    assert_eq!(home.login("r.example:5000"), Origin::File(file.clone()));
    assert_eq!(fs_err::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(home.credentials("r.example:5000", "app"), me);
    assert_eq!(home.credentials("r.example", "app"), Credentials::Anonymous);
    // What else is in the file stays, in its order; other spellings of the same key do not.
    fs_err::write(
        &file,
        r#"{"z": 1, "auths": {"https://r.example/v2/": {"auth": "eDp5"}, "o.example": {}}, "a": [2]}"#,
    )
    .unwrap();
    home.login("r.example");
    home.login("docker.io");
    home.login("r.example/team");
    let text = fs_err::read_to_string(&file).unwrap();
    let expected = r#"{"z":1,"auths":{"o.example":{},"r.example":{"auth":"bWU6czNjcmV0"},"https://index.docker.io/v1/":{"auth":"bWU6czNjcmV0"},"r.example/team":{"auth":"bWU6czNjcmV0"}},"a":[2]}"#;
    assert_eq!(text.split_whitespace().collect::<String>(), expected);
    assert_eq!(home.credentials("index.docker.io", "library/x"), me);
    assert_eq!(home.logout("r.example"), [Origin::File(file.clone())]);
    assert_eq!(home.logout("index.docker.io"), [Origin::File(file.clone())]);
    assert_eq!(home.credentials("r.example", "other"), Credentials::Anonymous);
    assert_eq!(home.credentials("r.example", "team/app"), me);
    // Podman's file, where Docker has none.
    fs_err::remove_file(&file).unwrap();
    let podman = home.path(".config/containers/auth.json");
    fs_err::create_dir_all(podman.parent().unwrap()).unwrap();
    fs_err::write(&podman, "{}").unwrap();
    assert_eq!(home.login("docker.io"), Origin::File(podman.clone()));
    assert!(fs_err::read_to_string(&podman).unwrap().contains("\"docker.io\""));
    fs_err::write(&podman, "{\"auths\": [\"s3cret\"]}").unwrap();
    let damaged = home.with(|context| store_login(context, &"r.example".parse().unwrap(), "me", &"x".into()));
    let damaged = damaged.expect_err("damaged");
    assert!(!format!("{damaged:?} {damaged}").contains("s3cret"));
}

#[test]
fn helpers_keep_logins() {
    let home = Home(tempfile::tempdir().unwrap());
    fs_err::create_dir_all(home.path("bin")).unwrap();
    fs_err::create_dir_all(home.path(".docker")).unwrap();
    let script = format!(
        "#!/bin/sh\nfile={}\ncase $1 in\nstore) cat >$file;;\nget) if [ -e $file ]; then cat $file; else echo credentials not found in native keychain; exit 1; fi;;\nerase) rm $file;;\nesac\n",
        home.path("kept").display()
    );
    let program = home.path("bin/docker-credential-test");
    // Written by a program that has ended, so that nothing has it open when it is started.
    let mut write = std::process::Command::new("sh");
    write.args(["-c", "printf %s \"$1\" >\"$2\"; chmod 755 \"$2\"", "sh", &script]).arg(&program);
    assert!(write.status().unwrap().success());
    let file = home.path(".docker/config.json");
    fs_err::write(&file, r#"{"credHelpers": {"r.example": "test"}}"#).unwrap();
    let helper = Origin::Helper("docker-credential-test".to_owned());
    assert_eq!(home.login("r.example"), helper);
    assert!(!fs_err::read_to_string(&file).unwrap().contains("auth\":"), "the file has no secret");
    let me = Credentials::Basic { username: "me".to_owned(), password: "s3cret".into() };
    assert_eq!(home.credentials("r.example", "app"), me);
    assert_eq!(home.logout("r.example"), [helper]);
    assert_eq!(home.logout("r.example"), []);
}
