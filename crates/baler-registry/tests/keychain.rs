//! Where credentials are found: the variable, the files in their order, helpers.

use std::path::{Path, PathBuf};
use std::process::Command;

use baler_registry::{Credentials, HelperError, Keychain, KeychainContext, KeychainError, Origin, Repository};

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        fs_err::create_dir_all(path.parent().expect("it is below the home")).expect("made");
        fs_err::write(&path, text).expect("written");
        path
    }

    fn helper(&self, name: &str, script: &str) {
        // Written by another process: a file that this one has open for writing is open in a child that another test
        // starts at that moment, too, and cannot be executed so long.
        let script = self.write(&format!("{name}.sh"), &format!("#!/bin/sh\n{script}\n"));
        let path = self.path().join(format!("bin/docker-credential-{name}"));
        let mut install = Command::new("install");
        assert!(install.args(["-D", "-m", "755"]).args([&script, &path]).status().expect("started").success());
    }

    fn ask(&self, variables: &[(&str, &str)], registry: &str) -> Result<(Credentials, Option<Origin>), KeychainError> {
        let variable =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        let search = vec![self.path().join("bin")];
        let context = KeychainContext { variable: &variable, home: Some(self.path()), search };
        Keychain::from_context(&context)?.credentials(&Repository::new(registry, "team/app"))
    }
}

fn basic(username: &str, password: &str) -> Credentials {
    Credentials::Basic { username: username.to_owned(), password: password.into() }
}

fn file_of(username: &str) -> String {
    format!(r#"{{"auths":{{"r.example":{{"username":"{username}","password":"p"}}}}}}"#)
}

#[test]
fn files_in_their_order() {
    let home = Home::new();
    let ask = |variables: &[(&str, &str)]| home.ask(variables, "r.example").expect("readable");
    assert_eq!(ask(&[]), (Credentials::Anonymous, None));
    let podman = home.write(".config/containers/auth.json", &file_of("podman"));
    assert_eq!(ask(&[]), (basic("podman", "p"), Some(Origin::File(podman))));
    let named = home.write("named.json", &file_of("named"));
    let named = named.to_str().expect("text");
    assert_eq!(ask(&[("REGISTRY_AUTH_FILE", named)]).0, basic("named", "p"));
    home.write(".docker/config.json", &file_of("docker"));
    assert_eq!(ask(&[("REGISTRY_AUTH_FILE", named)]).0, basic("docker", "p"));
    let other = home.path().join("other");
    home.write("other/config.json", "{}");
    assert_eq!(ask(&[("DOCKER_CONFIG", other.to_str().expect("text"))]).0, Credentials::Anonymous);
    let auth = r#"{"https://r.example/v2/": "basic dXNlcjpwYXNzd29yZA==", "id.example": "X-Identity t"}"#;
    assert_eq!(ask(&[("CNB_REGISTRY_AUTH", auth)]), (basic("user", "password"), Some(Origin::Variable)));
    assert_eq!(
        home.ask(&[("CNB_REGISTRY_AUTH", auth)], "id.example").expect("readable").0,
        Credentials::Identity("t".into())
    );
}

#[test]
fn helpers_go_first() {
    let home = Home::new();
    let file = r#"{"auths":{"none.example":{"username":"file","password":"p"}},"credsStore":"all","credHelpers":
        {"own.example":"own","none.example":"none","bad.example":"bad","broken.example":"broken","gone.example":"gone"}}"#;
    home.write(".docker/config.json", file);
    home.helper("own", r#"read -r host; echo "{\"Username\":\"<token>\",\"Secret\":\"$1-$host\"}""#);
    home.helper("all", r#"cat >/dev/null; echo '{"ServerURL":"x","Username":"u","Secret":"s"}'"#);
    home.helper("none", "echo credentials not found in native keychain; exit 1");
    home.helper("bad", "echo the store is locked; exit 1");
    home.helper("broken", "echo no json");
    let ask = |registry: &str| home.ask(&[], registry);
    assert_eq!(ask("own.example").expect("answered").0, Credentials::Identity("get-own.example".into()));
    let origin = Some(Origin::Helper("docker-credential-all".to_owned()));
    assert_eq!(ask("other.example").expect("answered"), (basic("u", "s"), origin));
    assert_eq!(ask("none.example").expect("answered").0, basic("file", "p"));
    let failed = |registry| match ask(registry) {
        Err(KeychainError::Helper { source }) => source,
        other => panic!("{other:?}"),
    };
    assert!(matches!(failed("bad.example"), HelperError::Failed { message, .. } if message == "the store is locked"));
    assert!(matches!(failed("broken.example"), HelperError::Answer { .. }));
    assert!(matches!(failed("gone.example"), HelperError::NotFound { .. }));
}

#[test]
fn bad_input_is_named_and_not_quoted() {
    let home = Home::new();
    for value in ["[]", "{\"r\": 1}", "{\"r.example\": \"Digest s3cret\"}", "{\"r\": \"s3cret\"}", "{\"r\": \"s3cret"] {
        let error = home.ask(&[("CNB_REGISTRY_AUTH", value)], "r.example").expect_err("refused");
        assert!(!format!("{error:?} {error}").contains("s3cret"), "{error:?}");
    }
    home.write(".docker/config.json", "{\"auths\": {\"x\": \"s3cret\"}}");
    let error = home.ask(&[], "r.example").expect_err("refused");
    assert!(matches!(&error, KeychainError::File { .. }) && !format!("{error:?}").contains("s3cret"), "{error:?}");
}
