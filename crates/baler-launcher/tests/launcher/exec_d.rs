//! exec.d programs: what they see, what they set, what stops the launch.

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use command_fds::{CommandFdExt as _, FdMapping};

use crate::image::Image;

fn image() -> Image {
    let image = Image::new(
        r#"
[[buildpacks]]
  id = "test/a"
  version = "0.0.1"
  api = "0.10"
[[buildpacks]]
  id = "b"
  version = "0.0.1"
  api = "0.12"
[[processes]]
  type = "web"
  command = ["sh", "-c", "echo \"$ORDER|$VALUE|$OVER|$SEEN\""]
  direct = true
  buildpack-id = "test/a"
"#,
    );
    image.write("layers/test_a/l/env/VALUE", "from env");
    image
}

#[test]
fn programs_run_in_order_and_see_what_others_set() {
    let image = image();
    let step = |name: &str| format!("echo \"ORDER = '$ORDER:{name}'\" >&3\n");
    image.write_script("layers/test_a/l/exec.d/10-first", &step("first"));
    image.write_script("layers/test_a/l/exec.d/20-second", &step("second"));
    image.write_script("layers/test_a/l/exec.d/web/only-web", &step("web"));
    image.write_script("layers/test_a/l/exec.d/task/only-task", &step("task"));
    image.write_script("layers/test_a/m/exec.d/x", &step("m"));
    image.write_script(
        "layers/b/l/exec.d/x",
        "printf 'SEEN = \"\"\"%s\n%s\"\"\"\\nOVER = \"layer\"\\n' \"$VALUE\" \"$(pwd)\" >&3\n",
    );
    let printed = image.end(image.command("web", &[]).env("OVER", "user")).printed();
    assert_eq!(printed, ":first:second:web:m|from env|layer|from env\n{app}\n");
}

/// Lists the file descriptors of the shell that runs it.
const LIST: &str = "cd /proc/$$/fd; echo *";

#[test]
fn programs_have_the_streams_of_the_process_but_its_input() {
    let image = image();
    image.write_script("layers/test_a/l/exec.d/x", &format!("echo out; cat; {LIST} >&2\n"));
    // Whoever runs the tests may have left descriptors open, so the script is also run without the launcher.
    let mut alone = Command::new(image.layers().join("test_a/l/exec.d/x"));
    alone.stdin(Stdio::null()).fd_mappings(vec![any_descriptor(3)]).unwrap();
    let (alone, started) = (image.end(&mut alone), image.start("web", &[]));
    assert_eq!((started.code, started.stdout.as_str()), (0, "out\n|from env||\n"));
    assert_eq!(started.stderr, alone.stderr);
}

#[test]
fn the_process_inherits_none_of_it() {
    let image = image();
    image.write_script("layers/test_a/l/exec.d/x", "echo \"VALUE = 'set'\" >&3\n");
    let alone = image.end(Command::new("sh").args(["-c", LIST]));
    let started = image.start("launcher", &["--", "sh", "-c", &format!("echo $VALUE; {LIST}")]);
    assert_eq!(started.printed(), format!("set\n{}", alone.stdout));
}

fn any_descriptor(child_fd: i32) -> FdMapping {
    let (_, writer) = std::io::pipe().unwrap();
    FdMapping { parent_fd: writer.into(), child_fd }
}

#[test]
fn a_descriptor_that_the_engine_passes_survives() {
    let image = image();
    image.write_script("layers/test_a/l/exec.d/x", "echo \"VALUE = 'set'\" >&3\n");
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut command = image.command("launcher", &["--", "sh", "-c", "echo \"$VALUE\" >&3"]);
    command.fd_mappings(vec![FdMapping { parent_fd: writer.into(), child_fd: 3 }]).unwrap();
    assert_eq!(image.end(&mut command).printed(), "");
    drop(command);
    let mut received = String::new();
    reader.read_to_string(&mut received).unwrap();
    assert_eq!(received, "set\n");
}

#[test]
fn much_output_does_not_block() {
    let image = image();
    let script = "i=0; while [ $i -lt 5000 ]; do echo \"V$i = '0123456789'\"; i=$((i+1)); done >&3\n";
    image.write_script("layers/test_a/l/exec.d/x", script);
    assert_eq!(image.start("launcher", &["--", "sh", "-c", "echo $V4999"]).printed(), "0123456789\n");
}

#[test]
fn failures_stop_the_launch() {
    for (script, expected) in [
        ("exit 3", "{path} failed: exit status: 3"),
        ("echo \"A = 'b'\" >&3; exit 1", "{path} failed: exit status: 1"),
        ("kill -9 $$", "{path} failed: signal: 9 (SIGKILL)"),
        ("echo 'A = 1' >&3", "{path}: output on file descriptor 3: the value of 'A' is not a string"),
        ("echo 'A' >&3", "{path}: output on file descriptor 3 is not TOML: TOML parse error at line 1, column 2"),
        (
            "echo '\"A=B\" = \"c\"' >&3",
            "{path}: output on file descriptor 3: 'A=B' is not the name of an environment variable",
        ),
        ("printf 'A = \"\\377\"' >&3", "{path}: output on file descriptor 3 is not UTF-8"),
    ] {
        let image = image();
        image.write_script("layers/test_a/l/exec.d/x", script);
        let error = image.start("web", &[]).failed_with(82);
        let expected = expected.replace("{path}", "ERROR: failed to launch: exec.d: {layers}/test_a/l/exec.d/x");
        assert!(error.starts_with(&expected), "{script}: {error}");
    }
}

#[test]
fn a_container_can_be_stopped_meanwhile() {
    let image = image();
    image.write_script("layers/test_a/l/exec.d/x", "touch {app}/runs; sleep 20\n");
    let mut running = image.command("web", &[]).stdout(Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while !image.app().join("runs").exists() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(5));
    }
    let sent = Command::new("kill").args(["-TERM", &running.id().to_string()]).status().unwrap();
    assert!(sent.success());
    // Not by the signal itself, which process 1 of a container does not get.
    assert_eq!(running.wait().unwrap().code(), Some(143));
    // The process that comes after is not concerned.
    image.write_script("layers/test_a/l/exec.d/x", "");
    let started = image.start("launcher", &["--", "sh", "-c", "kill -TERM $$"]);
    assert_eq!(started.code, -15);
}

#[test]
fn a_program_that_cannot_start_is_named() {
    let image = image();
    image.write("layers/test_a/l/exec.d/x", "#!/bin/sh\n");
    let error = image.start("web", &[]).failed_with(82);
    assert!(error.starts_with("ERROR: failed to launch: exec.d: start {layers}/test_a/l/exec.d/x: "), "{error}");
    assert!(error.contains("Permission denied"), "{error}");
}
