use super::*;

fn with(variables: &[(&str, &str)], named: Option<&str>, engine: Engine) -> Result<String, AddressError> {
    let variable = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    let surroundings = Surroundings { variable: &variable, uid: 1000 };
    find_address(engine, named, &surroundings).map(|address| address.to_string())
}

#[test]
fn what_goes_before_what() {
    let docker = |variables: &[(&str, &str)], named| with(variables, named, Engine::Docker).unwrap();
    assert_eq!(docker(&[], None), "unix:///var/run/docker.sock");
    let variables = [("DOCKER_HOST", "unix:///run/a")];
    assert_eq!(docker(&variables, None), "unix:///run/a");
    assert_eq!(docker(&variables, Some("inherit")), "unix:///run/a");
    assert_eq!(docker(&variables, Some("tcp://host:99")), "tcp://host:99");
    let podman = |variables: &[(&str, &str)]| with(variables, None, Engine::Podman).unwrap();
    assert_eq!(podman(&[]), "unix:///run/user/1000/podman/podman.sock");
    assert_eq!(podman(&[("XDG_RUNTIME_DIR", "/x")]), "unix:///x/podman/podman.sock");
    assert_eq!(podman(&[("CONTAINER_HOST", "unix:///y"), ("DOCKER_HOST", "unix:///z")]), "unix:///y");
}

#[test]
fn addresses() {
    let parse = |text: &str| Address::parse(text, None).map(|address| address.to_string());
    assert_eq!(parse("unix:///a").unwrap(), "unix:///a");
    assert_eq!(parse("tcp://host").unwrap(), "tcp://host:2375");
    assert_eq!(parse("tcp://[::1]:1/").unwrap(), "tcp://[::1]:1");
    assert_eq!(parse("tcp://[::1]").unwrap(), "tcp://[::1]:2375");
    let tls = TlsFiles { is_verified: true, ..TlsFiles::default() };
    assert_eq!(Address::parse("tcp://host", Some(tls)).unwrap().to_string(), "tcp://host:2376");
    for text in ["", "host", "unix://relative", "tcp://", "tcp://user:secret@host", "tcp://a b", "gopher://x"] {
        assert!(matches!(parse(text), Err(AddressError::Unknown { .. })), "{text}");
    }
    for text in ["npipe:////./pipe/docker_engine", "ssh://host", "npipe:\\\\.\\pipe"] {
        assert!(matches!(parse(text), Err(AddressError::Scheme { .. })), "{text}");
    }
}

#[test]
fn contexts() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let config = directory.path().to_str().unwrap().to_owned();
    let variables = [("DOCKER_CONFIG", config.as_str())];
    assert_eq!(with(&variables, None, Engine::Docker).unwrap(), "unix:///var/run/docker.sock", "no file");
    fs_err::write(path("config.json"), r#"{"currentContext":"rootless"}"#).unwrap();
    let absent = with(&variables, None, Engine::Docker).unwrap_err();
    assert!(matches!(absent, AddressError::Context(ContextError::Absent { .. })), "{absent:?}");
    let hex = context::directory_name("rootless");
    fs_err::create_dir_all(path(&format!("contexts/meta/{hex}"))).unwrap();
    let text = r#"{"Name":"rootless","Metadata":{},"Endpoints":{"docker":{"Host":"unix:///run/user/1/docker.sock"}}}"#;
    fs_err::write(path(&format!("contexts/meta/{hex}/meta.json")), text).unwrap();
    assert_eq!(with(&variables, None, Engine::Docker).unwrap(), "unix:///run/user/1/docker.sock");
    let default = [variables[0], ("DOCKER_CONTEXT", "default")];
    assert_eq!(with(&default, None, Engine::Docker).unwrap(), "unix:///var/run/docker.sock");
    let secure = r#"{"Name":"rootless","Endpoints":{"docker":{"Host":"tcp://host:2376","SkipTLSVerify":true}}}"#;
    fs_err::write(path(&format!("contexts/meta/{hex}/meta.json")), secure).unwrap();
    let tls = path(&format!("contexts/tls/{hex}/docker"));
    fs_err::create_dir_all(&tls).unwrap();
    fs_err::write(tls.join("ca.pem"), "").unwrap();
    let variable = |name: &str| (name == "DOCKER_CONFIG").then(|| config.clone());
    let found = find_address(Engine::Docker, None, &Surroundings { variable: &variable, uid: 0 }).unwrap();
    let files = TlsFiles { authorities: Some(tls.join("ca.pem")), client: None, is_verified: false };
    assert_eq!(found, Address::Tcp { authority: "host:2376".to_owned(), tls: Some(files) });
    fs_err::write(path("config.json"), "{").unwrap();
    let damaged = with(&variables, None, Engine::Docker).unwrap_err();
    assert!(matches!(damaged, AddressError::Context(ContextError::Malformed { .. })), "{damaged:?}");
}
