//! What stops the launcher, with which exit code and which words.

use crate::image::Image;

const METADATA: &str = r#"
[[buildpacks]]
id = "test/a"
version = "0.0.1"
api = "0.10"
[[processes]]
type = "web"
command = ["sh", "-c", "exit 77"]
direct = true
buildpack-id = "test/a"
[[processes]]
type = "directory"
command = ["/etc"]
direct = true
buildpack-id = "test/a"
[[processes]]
type = "text"
command = ["{app}/hello.txt"]
direct = true
buildpack-id = "test/a"
[[processes]]
type = "broken"
command = ["{app}/broken"]
direct = true
buildpack-id = "test/a"
[[processes]]
type = "not-found"
command = ["no-such-program"]
direct = true
buildpack-id = "test/a"
[[processes]]
type = "bad-dir"
command = ["pwd"]
direct = true
buildpack-id = "test/a"
working-dir = "/nowhere"
[[processes]]
type = "empty"
command = []
direct = true
buildpack-id = "test/a"
"#;

#[test]
fn platform_api() {
    let image = Image::new(METADATA);
    let unset = image.end(image.command("web", &[]).env_remove("CNB_PLATFORM_API")).failed_with(11);
    assert!(unset.contains("please set 'CNB_PLATFORM_API'"), "{unset}");
    for api in ["", " ", "0.3", "0.16", "1.0", "x"] {
        let error = image.end(image.command("web", &[]).env("CNB_PLATFORM_API", api)).failed_with(11);
        assert!(error.starts_with("ERROR: ") && error.contains(api), "{error}");
    }
}

#[test]
fn buildpack_api() {
    for api in ["0.6", "0.13", "", "x"] {
        let image = Image::new(&METADATA.replace("0.10", api));
        let error = image.start("web", &[]).failed_with(12);
        assert!(error.starts_with("ERROR: set API for buildpack 'test/a@0.0.1': "), "{error}");
    }
}

#[test]
fn metadata() {
    let image = Image::new("[[processes]]\ntype = web\n");
    let error = image.start("web", &[]).failed_with(1);
    assert!(error.starts_with("ERROR: failed to read metadata: {layers}/config/metadata.toml: "), "{error}");
    assert!(error.contains("line 2"), "{error}");

    let error = image.end(image.command("web", &[]).env("CNB_LAYERS_DIR", "/nowhere")).failed_with(1);
    assert!(error.contains("/nowhere/config/metadata.toml"), "{error}");
}

#[test]
fn launch() {
    let image = Image::new(METADATA);
    image.write("app/hello.txt", "hello");
    image.write_executable("app/broken", "#!/no/such/interpreter\n");
    for (name, expected) in [
        ("launcher", "determine start command: when there is no default process a command is required"),
        ("/cnb/process/missing", "determine start command: when there is no default process a command is required"),
        ("empty", "determine start command: no command provided for process type empty"),
        ("not-found", "path lookup: executable file 'no-such-program' not found in PATH '/usr/bin:/bin'"),
        ("bad-dir", "change to working directory /nowhere: No such file or directory"),
        ("directory", "path lookup: '/etc' is not an executable file"),
        ("text", "path lookup: '{app}/hello.txt' is not an executable file"),
        ("broken", "exec {app}/broken: No such file or directory"),
    ] {
        let error = image.start(name, &[]).failed_with(82);
        assert!(error.starts_with(&format!("ERROR: failed to launch: {expected}")), "{name}: {error}");
    }
    let error = image.end(image.command("web", &[]).env("CNB_APP_DIR", "/nowhere")).failed_with(82);
    assert!(error.contains("change to app directory /nowhere: No such file or directory"), "{error}");
}

#[test]
fn text_without_an_interpreter_is_not_given_to_a_shell() {
    if cfg!(not(target_env = "musl")) {
        println!("SKIP: needs the musl target; the C library of others starts a shell");
        return;
    }
    let image = Image::new(METADATA);
    image.write_executable("app/hello.txt", "exit 0\n");
    let error = image.start("text", &[]).failed_with(82);
    assert!(error.starts_with("ERROR: failed to launch: exec {app}/hello.txt: Exec format error"), "{error}");
}

#[test]
fn a_process_type_in_the_environment_is_only_warned_about() {
    let image = Image::new(METADATA);
    let ended = image.end(image.command("web", &[]).env("CNB_PROCESS_TYPE", "text"));
    assert_eq!((ended.code, ended.stdout.as_str()), (77, ""));
    let warnings = "Warning: CNB_PROCESS_TYPE is not supported in Platform API 0.12\n\
                    Warning: Run with ENTRYPOINT 'text' to invoke the 'text' process type\n";
    assert_eq!(ended.stderr, warnings);
}

#[test]
fn environment_files_are_checked() {
    let image = Image::new(METADATA);
    image.write("layers/test_a/l/env/A", "x\0y");
    assert_eq!(
        image.start("web", &[]).failed_with(82),
        "ERROR: failed to launch: modify env: environment directory {layers}/test_a/l/env: \
         the value of environment variable 'A' contains a NUL byte\n"
    );
}
