//! `baler run`.

use std::io::Read as _;
use std::process::Stdio;

use crate::support::{Outcome, Place, Terminal, User, application, buildpack, spawn, users};

const SCRIPT: &str = "cat >\"$1/launch.toml\" <<'END'
[[processes]]
type = \"web\"
command = [\"sh\", \"-c\", \"echo web in $(pwd) as $(id -u) with $0 $*\"]
args = [\"default\"]
default = true
[[processes]]
type = \"fail\"
command = [\"sh\", \"-c\", \"exit 42\"]
[[processes]]
type = \"wait\"
command = [\"sh\", \"-c\", \"trap 'echo got it; exit 7' TERM; echo ready; while true; do sleep 0.1; done\"]
END";

fn place(user: User) -> Option<Place> {
    let place = Place::with_builder(user, &["web"])?;
    buildpack(&place, "web", "exit 0", SCRIPT);
    application(&place, &[("x", "x")]);
    place.create_builder();
    place.build(&[]).success();
    Some(place)
}

#[test]
fn processes_arguments_and_exit_codes() {
    for user in users() {
        let Some(place) = place(user) else { return };
        let run = |arguments: &[&str]| -> Outcome { place.run(&[&["run", "app"], arguments].concat()) };
        assert_eq!(run(&[]).success().stdout, "web in /workspace as 1000 with default\n", "{user:?}");
        assert_eq!(run(&["--", "given"]).success().stdout, "web in /workspace as 1000 with given\n", "{user:?}");
        run(&["--process", "fail"]).failure(42);
        let unknown = run(&["--process", "absent"]).failure(1);
        assert!(unknown.stderr.contains("it has: fail, wait, web"), "{}", unknown.stderr);
        assert_eq!(run(&["-e", "A=b", "--entrypoint", "sh", "--", "-c", "echo $A"]).success().stdout, "b\n");
    }
}

#[test]
fn keys_of_a_terminal_reach_the_process_once() {
    for user in users() {
        let Some(place) = place(user) else { return };
        let script = "trap 'echo interrupted' INT; trap 'echo quitted' QUIT; trap 'exit 5' TERM; \
                      sleep 0.5; echo ready; \
                      while true; do sleep 0.1; done";
        let Some(mut terminal) = Terminal::start(&place, &["run", "app", "--entrypoint", "sh", "--", "-c", script])
        else {
            return;
        };
        terminal.wait_for("ready");
        terminal.press(3);
        terminal.wait_for("interrupted");
        terminal.press(28);
        terminal.wait_for("quitted");
        // What was sent twice would be there by now.
        terminal.signal(rustix::process::Signal::TERM);
        let said = terminal.rest();
        assert_eq!((said.matches("interrupted").count(), said.matches("quitted").count()), (1, 1), "{user:?}: {said}");
    }
}

#[test]
fn signals_reach_the_process() {
    for user in users() {
        let Some(place) = place(user) else { return };
        let mut command = place.command(&["run", "app", "--process", "wait"]);
        let mut child = spawn(command.stdout(Stdio::piped()));
        let mut output = child.stdout.take().unwrap();
        let mut ready = [0; 6];
        output.read_exact(&mut ready).unwrap();
        rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::TERM).unwrap();
        let mut rest = String::new();
        output.read_to_string(&mut rest).unwrap();
        assert_eq!((rest.as_str(), child.wait().unwrap().code()), ("got it\n", Some(7)), "{user:?}");
    }
}
