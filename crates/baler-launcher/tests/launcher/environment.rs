//! The environment that a process sees, against the one the engine gives.

use crate::image::Image;

/// Prints the environment sorted, with newlines in values as `~`.
const SHOW: &str = r"tr '\0\n' '\n~' </proc/$$/environ | sort";

fn image() -> Image {
    let image = Image::new(
        r#"
[[buildpacks]]
  id = "test/a"
  version = "0.0.1"
  api = "0.10"
[[buildpacks]]
  id = "test/without-layers"
  version = "0.0.1"
  api = "0.10"
[[buildpacks]]
  id = "test/b"
  version = "0.0.1"
  api = "0.10"
[[processes]]
  type = "task"
  command = ["sh", "{app}/show.sh"]
  direct = true
  buildpack-id = "test/a"
[[processes]]
  type = "web"
  command = ["sh", "{app}/show.sh"]
  direct = true
  buildpack-id = "test/a"
"#,
    );
    image.write("app/show.sh", SHOW);
    for (path, contents) in [
        ("a/l1/bin/x", ""),
        ("a/l1/lib/x", ""),
        ("a/l1/include/x", ""),
        ("a/l1/env/PLAIN", "plain"),
        ("a/l1/env/APP.append", "a1"),
        ("a/l1/env/APP.delim", ":"),
        ("a/l1/env/DEF.default", "default"),
        ("a/l1/env/USER_DEF.default", "not this"),
        ("a/l1/env/USER_OVER.override", "the layer wins"),
        ("a/l1/env.launch/LAUNCH", "launch"),
        ("a/l1/env.launch/PLAIN.prepend", "launch-"),
        ("a/l1/env.launch/web/ONLY_WEB", "web"),
        ("a/l1/env.launch/task/ONLY_TASK", "task"),
        ("a/l1/env.launch/web/APP.append", "web"),
        ("a/l1/env.build/BUILD", "must not be seen"),
        ("a/l2/bin/x", ""),
        ("a/l2/env/APP.append", "a2"),
        ("a/launch.toml", "not a layer"),
        ("b/l/bin/x", ""),
        ("b/l/env/APP.prepend", "b"),
        ("b/l/env/APP.delim", "-"),
        ("b/l/env/MULTI", "two\nlines\n"),
    ] {
        image.write(&format!("layers/test_{path}"), contents);
    }
    image
}

/// What every process sees, with `app` and `more` in their places.
fn expected(app: &str, more: &[&str], path: &str) -> Vec<String> {
    let common = ["DEF=default", "LAUNCH=launch", "MULTI=two~lines~", "PLAIN=launch-plain", "USER_OVER=the layer wins"];
    let mut lines: Vec<String> = common.iter().chain(more).map(ToString::to_string).collect();
    lines.push(format!("APP={app}"));
    lines.push("LD_LIBRARY_PATH={layers}/test_a/l1/lib".into());
    lines.push(format!("PATH={{layers}}/test_b/l/bin:{{layers}}/test_a/l2/bin:{{layers}}/test_a/l1/bin:{path}"));
    lines.sort();
    lines
}

fn seen(image: &Image, name: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Vec<String> {
    let printed = image.end(image.command(name, arguments).envs(variables.iter().copied())).printed();
    // What the shell adds by itself.
    let mut lines: Vec<_> = printed.lines().filter(|line| !line.starts_with("PWD=")).map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn layers_change_it() {
    let image = image();
    let user = [("USER_DEF", "user"), ("USER_OVER", "user"), ("APP", "user")];
    assert_eq!(
        seen(&image, "web", &[], &user),
        expected("b-user:a1weba2", &["ONLY_WEB=web", "USER_DEF=user"], "/usr/bin:/bin")
    );
    assert_eq!(
        seen(&image, "task", &[], &[]),
        expected("b-a1a2", &["ONLY_TASK=task", "USER_DEF=not this"], "/usr/bin:/bin")
    );
}

#[test]
fn a_user_command_has_no_process_type() {
    let image = image();
    let show = image.app().join("show.sh");
    let arguments = ["--", "sh", show.to_str().unwrap()];
    let expected = expected("b-a1a2", &["USER_DEF=not this"], "/usr/bin:/bin");
    assert_eq!(seen(&image, "launcher", &arguments, &[]), expected);
}

#[test]
fn what_is_meant_for_the_launcher_is_removed() {
    let variables = [
        ("PATH", "/mine:/cnb/process:/bin:/cnb/lifecycle:/usr/bin"),
        ("CNB_DEPRECATION_MODE", "quiet"),
        ("CNB_EXEC_ENV", "test"),
    ];
    let seen = seen(&image(), "web", &[], &variables);
    let more = ["ONLY_WEB=web", "USER_DEF=not this", "CNB_EXEC_ENV=test"];
    assert_eq!(seen, expected("b-a1weba2", &more, "/mine:/bin:/usr/bin"));
}

#[test]
fn commands_are_found_in_layers() {
    let image = image();
    image.write_script("layers/test_a/l1/bin/tool", "echo \"$0\"\n");
    image.write_script("layers/test_b/l/bin/tool", "echo \"$0\"\n");
    assert_eq!(image.start("launcher", &["--", "tool"]).printed(), "{layers}/test_b/l/bin/tool\n");
}
