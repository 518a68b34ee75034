//! Direct starts: arguments, working directories, look-up, exit codes, signals.

use std::process::Stdio;

use crate::image::Image;

const METADATA: &str = r#"
buildpack-default-process-type = "web"

[[buildpacks]]
  id = "test/a"
  version = "0.0.1"
  api = "0.10"

[[processes]]
  type = "bad-dir"
  command = ["pwd"]
  direct = true
  buildpack-id = "test/a"
  working-dir = "/nowhere"

[[processes]]
  type = "exit"
  command = ["sh", "-c"]
  args = ["exit 41"]
  direct = true
  buildpack-id = "test/a"

[[processes]]
  type = "killed"
  command = ["sh", "-c", "kill -$1 $$; sleep 10", "sh"]
  args = ["9"]
  direct = true
  buildpack-id = "test/a"

[[processes]]
  type = "no-args"
  command = ["sh", "{app}/show.sh"]
  direct = true
  buildpack-id = "test/a"

[[processes]]
  type = "relative"
  command = ["./run.sh"]
  direct = true
  buildpack-id = "test/a"

[[processes]]
  type = "relative-in-sub"
  command = ["./run.sh"]
  direct = true
  buildpack-id = "test/a"
  working-dir = "sub"

[[processes]]
  type = "single"
  command = ["pwd"]
  args = ["-P"]
  direct = true
  buildpack-id = "test/a"

[[processes]]
  type = "web"
  command = ["sh", "{app}/show.sh", "from command"]
  args = ["default", "args"]
  direct = true
  buildpack-id = "test/a"
  working-dir = "{app}/sub"

[[processes]]
  type = "with.dot_and-dash"
  command = ["sh", "{app}/show.sh", "$HOME", "*", "`id`"]
  direct = true
  buildpack-id = "test/a"
"#;

fn image() -> Image {
    let image = Image::new(METADATA);
    image.write("app/show.sh", "echo \"in $(pwd), $# arguments:\"\nfor word in \"$@\"; do echo \"<$word>\"; done\n");
    image.write_script("app/run.sh", "echo \"$0 in $(pwd)\"\n");
    image.write("app/sub/file", "");
    image
}

#[test]
fn arguments_and_directories() {
    let image = image();
    let table: [(&str, &[&str], &str); 9] = [
        ("web", &[], "in {app}/sub, 3 arguments:\n<from command>\n<default>\n<args>\n"),
        ("web", &["user", "two words"], "in {app}/sub, 3 arguments:\n<from command>\n<user>\n<two words>\n"),
        ("single", &[], "{app}\n"),
        ("single", &["-L"], "{app}\n"),
        ("no-args", &[], "in {app}, 0 arguments:\n"),
        ("no-args", &["", "--"], "in {app}, 2 arguments:\n<>\n<-->\n"),
        ("with.dot_and-dash", &[], "in {app}, 3 arguments:\n<$HOME>\n<*>\n<`id`>\n"),
        ("relative", &[], "{app}/./run.sh in {app}\n"),
        ("relative-in-sub", &[], "{app}/./run.sh in {app}/sub\n"),
    ];
    for (name, arguments, expected) in table {
        let printed = image.start(&format!("/cnb/process/{name}"), arguments).printed();
        assert_eq!(printed, expected, "{name} {arguments:?}");
    }
}

#[test]
fn exit_codes_and_signals_are_the_processes_own() {
    let image = image();
    assert_eq!(image.start("exit", &[]).code, 41);
    assert_eq!(image.start("exit", &["exit 0"]).code, 0);
    assert_eq!(image.start("killed", &[]).code, -9);
    assert_eq!(image.start("killed", &["TERM"]).code, -15);
    // The launcher ignores this one for itself; the process must not.
    assert_eq!(image.start("killed", &["PIPE"]).code, -13);
}

#[test]
fn the_launcher_becomes_the_process() {
    let image = image();
    let mut command = image.command("launcher", &["--", "sh", "-c", "echo $$; read line; echo $line"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"from outside\n").unwrap();
    let pid = child.id();
    let output = child.wait_with_output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(printed, format!("{pid}\nfrom outside\n"));
}

#[test]
fn a_user_command_starts_as_it_is_after_dashes() {
    let image = image();
    assert_eq!(image.start("launcher", &["--", "echo", "$PATH", "*"]).printed(), "$PATH *\n");
    assert_eq!(image.start("/cnb/process/missing", &["--", "pwd"]).printed(), "{app}\n");
}

#[test]
fn directories_may_be_relative_to_where_the_engine_starts() {
    let image = image();
    let mut command = image.command("no-args", &[]);
    command.current_dir(image.app().parent().unwrap()).env("CNB_LAYERS_DIR", "layers").env("CNB_APP_DIR", "app");
    assert_eq!(image.end(&mut command).printed(), "in {app}, 0 arguments:\n");
}

#[test]
fn execution_environments() {
    let image = Image::new(
        r#"
[[processes]]
type = "web"
command = ["sh", "-c", "echo web in ${CNB_EXEC_ENV:-unset}"]
direct = true
exec-env = ["production", "staging"]
[[processes]]
type = "web"
command = ["sh", "-c", "echo test web in ${CNB_EXEC_ENV:-unset}"]
direct = true
exec-env = ["test"]
[[processes]]
type = "check"
command = ["sh", "-c", "echo check in ${CNB_EXEC_ENV:-unset}"]
direct = true
exec-env = ["test"]
[[processes]]
type = "any"
command = ["sh", "-c", "echo any in ${CNB_EXEC_ENV:-unset}"]
direct = true
exec-env = ["*"]
"#,
    );
    let start = |name: &str, exec_env: Option<&str>| {
        let mut command = image.command(name, &[]);
        command.env("CNB_PLATFORM_API", "0.15").envs(exec_env.map(|value| ("CNB_EXEC_ENV", value)));
        image.end(&mut command)
    };
    assert_eq!(start("web", None).printed(), "web in unset\n");
    assert_eq!(start("web", Some("test")).printed(), "test web in test\n");
    assert_eq!(start("check", Some("test")).printed(), "check in test\n");
    assert_eq!(start("any", Some("test")).printed(), "any in test\n");
    assert_eq!(
        start("check", None).failed_with(82),
        "ERROR: failed to launch: determine start command: process type check was not found for execution environment 'production'\n"
    );
}

#[test]
fn old_platforms_write_commands_as_strings() {
    let image = Image::new(
        r#"
[[buildpacks]]
id = "test/a"
version = "1"
api = "0.9"
[[processes]]
type = "web"
command = "echo"
args = ["one", "$KIND"]
direct = true
buildpack-id = "test/a"
"#,
    );
    for (api, expected) in [("0.7", "one $KIND user\n"), ("0.9", "one $KIND user\n"), ("0.10", "user\n")] {
        let mut command = image.command("web", &["user"]);
        assert_eq!(image.end(command.env("CNB_PLATFORM_API", api)).printed(), expected, "{api}");
    }
}
