//! How commands end, and that nothing outlives them.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command as HostCommand, Stdio};

use baler_sandbox::{Executor as _, Exit, Signal, Stream, clean_scratch};
use fs_err as fs;

use crate::fixture::{each, eventually, probe, processes_with, shell};

#[test]
fn codes_and_signals_are_told_apart() {
    each(|fixture| {
        assert_eq!(fixture.sh("exit 0").exit, Exit::Code(0));
        assert_eq!(fixture.sh("exit 7").exit, Exit::Code(7));
        assert_eq!(fixture.sh("kill -TERM $$").exit, Exit::Signal(15));
        assert_eq!(fixture.sh("kill -KILL $$").exit, Exit::Signal(9));
        // SIGPIPE is not ignored, as it would be in this program.
        assert_eq!(fixture.sh("kill -PIPE $$").exit, Exit::Signal(13));
        assert_eq!(Exit::Signal(13).shell_code(), 141);
    });
}

#[test]
fn signals_reach_the_command() {
    each(|fixture| {
        let mut command = shell("trap 'echo got it; exit 3' TERM; echo ready; while true; do sleep 0.01; done");
        command.stdout = Stream::Piped;
        let mut running = fixture.executor.start(&fixture.root, command).unwrap();
        let mut lines = BufReader::new(running.streams.stdout.take().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "ready");
        running.signal(Signal::TERM);
        assert_eq!(lines.next().unwrap().unwrap(), "got it");
        let control = running.control();
        assert_eq!(running.wait().unwrap(), Exit::Code(3));
        control.signal(Signal::TERM);
        control.kill();
        fixture.assert_clean();
    });
}

#[test]
fn input_arrives_and_ends() {
    each(|fixture| {
        let mut command = shell("cat");
        command.stdin = Stream::Piped;
        command.stdout = Stream::Piped;
        let mut running = fixture.executor.start(&fixture.root, command).unwrap();
        running.streams.stdin.as_mut().unwrap().write_all(b"some text").unwrap();
        let mut stdout = running.streams.stdout.take().unwrap();
        assert_eq!(running.wait().unwrap(), Exit::Code(0));
        let mut text = String::new();
        stdout.read_to_string(&mut text).unwrap();
        assert_eq!(text, "some text");
    });
}

#[test]
fn what_the_command_left_running_ends_with_it() {
    each(|fixture| {
        let mark = format!("{}", 5_000_000 + std::process::id());
        let mut command = shell(&format!("sleep {mark} & sleep {mark} & (sleep {mark} &) ; touch /tmp/file; exit 4"));
        command.stdout = Stream::Null;
        let running = fixture.executor.start(&fixture.root, command).unwrap();
        assert_eq!(running.wait().unwrap(), Exit::Code(4));
        assert_eq!(processes_with(&format!("sleep {mark}")), Vec::<String>::new());
        fixture.assert_clean();
    });
}

#[test]
fn dropping_kills_everything() {
    each(|fixture| {
        let mark = format!("{}", 6_000_000 + std::process::id());
        let script = format!("trap '' TERM INT; touch /tmp/file; sleep {mark} & sleep {mark} & sleep {mark}");
        let running = fixture.executor.start(&fixture.root, shell(&script)).unwrap();
        eventually("all are running", || processes_with(&format!("sleep {mark}")).len() >= 3);
        drop(running);
        assert_eq!(processes_with(&format!("sleep {mark}")), Vec::<String>::new());
        fixture.assert_clean();
    });
}

#[test]
fn killing_the_caller_leaves_no_process() {
    each(|fixture| {
        let mark = format!("{}", 8_000_000 + std::process::id());
        // The caller chooses its own map; what it does not know of is nothing that this test sees.
        let mut caller = HostCommand::new(probe())
            .arg("hold")
            .args([&fixture.root.lower[0], &fixture.root.scratch])
            .arg(&mark)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(caller.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "started\n");
        let mine = fixture.root.scratch.display().to_string();
        caller.kill().unwrap();
        assert_eq!(caller.wait().unwrap().signal(), Some(9));
        eventually("all have ended", || processes_with(&mark).is_empty() && processes_with(&mine).is_empty());
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        assert!(!mounts.contains(&mine), "{mounts}");
        eventually("the scratch directory can be emptied", || {
            clean_scratch(&fixture.executor.program, &fixture.executor.id_map, &fixture.root.scratch).is_ok()
        });
        fixture.assert_clean();
    });
}

#[test]
fn killing_the_helper_leaves_no_process() {
    each(|fixture| {
        let mark = format!("{}", 7_000_000 + std::process::id());
        let running = fixture.executor.start(&fixture.root, shell(&format!("sleep {mark}"))).unwrap();
        // Among our children, the helper of this sandbox is the one above the command.
        let helper = || children().into_iter().find(|pid| has_descendant(pid, &format!("sleep {mark}")));
        eventually("the helper is found", || helper().is_some());
        let pid = rustix::process::Pid::from_raw(helper().unwrap().parse().unwrap()).unwrap();
        rustix::process::kill_process(pid, Signal::KILL).unwrap();
        assert!(running.wait().is_err());
        eventually("the command has ended", || processes_with(&format!("sleep {mark}")).is_empty());
        clean_scratch(&fixture.executor.program, &fixture.executor.id_map, &fixture.root.scratch).unwrap();
    });
}

fn children() -> Vec<String> {
    let tasks = fs::read_dir("/proc/self/task").unwrap().filter_map(Result::ok);
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().map(ToOwned::to_owned).collect::<Vec<_>>()).collect()
}

fn has_descendant(pid: &str, text: &str) -> bool {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    if String::from_utf8_lossy(&line).replace('\0', " ").contains(text) {
        return true;
    }
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    children.split_whitespace().any(|child| has_descendant(child, text))
}

#[test]
fn a_hundred_zombies_are_reaped() {
    each(|fixture| {
        // The first process, the shell, its copy, `ls` and `grep`.
        let outcome = fixture.sh(
            "for i in $(seq 100); do (true &) ; done; \
             for i in $(seq 100); do [ $(ls /proc | grep -c '^[0-9]') -le 5 ] && echo reaped && exit; sleep 0.05; done",
        );
        assert_eq!(outcome.stdout, "reaped\n");
    });
}
