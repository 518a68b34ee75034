//! Commands without namespaces: what they still do not get, and that nothing of them is left.

use std::io::Read as _;

use baler_sandbox::{Command, Executor as _, Exit, InPlaceExecutor, Mount, Network, Root, SandboxError, Stream};

use crate::fixture::{BUILD_USER, eventually, processes_with, program, shell};

fn executor() -> InPlaceExecutor {
    InPlaceExecutor { program: program() }
}

fn output(mut command: Command) -> (Exit, String) {
    command.stdout = Stream::Piped;
    let mut running = executor().start(&Root::default(), command).unwrap();
    let mut text = String::new();
    running.streams.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    (running.wait().unwrap(), text)
}

#[test]
fn only_what_is_named_is_there() {
    let (exit, text) = output(shell("env; ls /proc/self/fd | wc -l; umask; exit 7"));
    assert_eq!(exit, Exit::Code(7));
    let rest = text.strip_prefix("PATH=/bin\n").unwrap();
    let rest = rest.strip_prefix("PWD=/\n").unwrap_or(rest);
    // Three streams, and what `ls` itself has open.
    assert_eq!(rest.lines().collect::<Vec<_>>(), ["4", "0022"], "{text}");
}

#[test]
fn root_gives_the_command_its_user_and_nobody_gets_privileges() {
    let (_, text) = output(shell("id -u; id -g; grep -E '^(Cap|NoNewPrivs|Seccomp:|Groups)' /proc/self/status"));
    let uid = rustix::process::geteuid();
    let expected = if uid.is_root() { BUILD_USER.0 } else { uid.as_raw() };
    assert!(text.starts_with(&format!("{expected}\n")), "{text}");
    for kind in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert!(text.contains(&format!("{kind}:\t0000000000000000\n")), "{text}");
    }
    assert!(text.contains("NoNewPrivs:\t1\n") && text.contains("Seccomp:\t2\n"), "{text}");
    if uid.is_root() {
        assert!(text.contains("CapBnd:\t0000000000000000\n") && text.contains("Groups:\t \n"), "{text}");
    }
}

#[test]
fn the_caller_cannot_be_looked_into() {
    let own = std::process::id();
    let (_, text) = output(shell(&format!(
        "cat /proc/{own}/environ >/dev/null 2>&1 && echo read; ls /proc/{own}/fd 2>/dev/null; true"
    )));
    assert_eq!(text, "");
}

#[test]
fn what_the_command_left_running_ends_with_it() {
    let mark = format!("{}", 9_000_000 + std::process::id());
    let script = format!("(trap '' TERM INT HUP; setsid sh -c 'sleep {mark} & sleep {mark}' &); sleep {mark} & exit 4");
    let mut command = shell(&script);
    command.environment = vec![("PATH".into(), "/usr/bin:/bin".into())];
    command.stdout = Stream::Null;
    let running = executor().start(&Root::default(), command).unwrap();
    assert_eq!(running.wait().unwrap(), Exit::Code(4));
    assert_eq!(processes_with(&format!("sleep {mark}")), Vec::<String>::new());
}

#[test]
fn what_keeps_forking_is_killed() {
    let mark = format!("{}", 10_000_000 + std::process::id());
    let script = format!("trap '' TERM; while true; do sh -c 'sleep 0.{mark} & sleep 0.{mark}' & sleep 0.002; done");
    let running = executor().start(&Root::default(), shell(&script)).unwrap();
    eventually("some are running", || processes_with(&format!("0.{mark}")).len() >= 5);
    let control = running.control();
    control.kill();
    assert_eq!(running.wait().unwrap(), Exit::Signal(9));
    assert_eq!(processes_with(&format!("0.{mark}")), Vec::<String>::new());
}

#[test]
fn nothing_of_its_own_can_be_asked_for() {
    let refused = |root: &Root, command| {
        let error = executor().start(root, command).unwrap_err();
        assert!(matches!(error, SandboxError::NothingOfItsOwn), "{error}");
    };
    refused(&Root { lower: vec!["/".into()], ..Root::default() }, shell("true"));
    refused(&Root { mounts: vec![Mount::read_only("/etc", "/mnt")], ..Root::default() }, shell("true"));
    refused(&Root::default(), Command { network: Network::None, ..shell("true") });
}
