//! What images are started by.

use std::fmt;
use std::io::Read as _;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::table::{Row, Start};
use crate::support::{Docker, Outcome, Place, outcome, spawn, try_outcome};

/// One of them, with the image `app`.
pub(super) enum Engine<'a> {
    Baler(&'a Place),
    Docker(&'a Docker),
    Podman(&'a Podman),
}

/// Podman with directories of its own.
pub(super) struct Podman {
    directory: tempfile::TempDir,
}

impl fmt::Display for Engine<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Baler(_) => "baler run",
            Self::Docker(_) => "docker run",
            Self::Podman(_) => "podman run",
        })
    }
}

impl Podman {
    /// `None` after saying what is missing.
    pub(super) fn new() -> Option<Self> {
        let is_there = |name: &str| try_outcome(Command::new(name).arg("--version")).is_ok();
        if !rustix::process::geteuid().is_root() || !is_there("podman") || !is_there("runc") {
            eprintln!("SKIP: needs root, Podman and runc");
            return None;
        }
        Some(Self { directory: tempfile::Builder::new().prefix("baler-podman-").tempdir().unwrap() })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("podman");
        for (flag, name) in [("--root", "root"), ("--runroot", "run"), ("--tmpdir", "tmp")] {
            command.arg(flag).arg(self.directory.path().join(name));
        }
        // Its default driver mounts the storage onto itself, and leaves that behind.
        command.args(["--storage-driver", "vfs", "--runtime", "runc", "--cgroup-manager", "cgroupfs"]);
        command.args(["--events-backend", "none"]).args(arguments).stdin(Stdio::null());
        command
    }

    pub(super) fn run(&self, arguments: &[&str]) -> Outcome {
        outcome(&mut self.command(arguments))
    }
}

/// The limits of this machine may be lower than those that Podman would set.
const PODMAN_RUN: [&str; 8] =
    ["run", "--rm", "--network", "host", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"];

impl Engine<'_> {
    /// Starts the image as `row` says.
    pub(super) fn start(&self, row: &Row) -> Outcome {
        outcome(&mut self.command(&row.start, row.environment, row.arguments, &[]))
    }

    fn command(&self, start: &Start, environment: &[&str], arguments: &[&str], more: &[&str]) -> Command {
        let variables = environment.iter().flat_map(|variable| ["--env", variable]);
        if let Self::Baler(place) = self {
            let entry: &[&str] = match start {
                Start::Default => &[],
                Start::Process(name) => &["--process", name],
                Start::Program(path) => &["--entrypoint", path],
            };
            let all: Vec<&str> = ["run", "app"].into_iter().chain(variables).chain(entry.iter().copied()).collect();
            return place.command(&[&all[..], &["--"], arguments].concat());
        }
        let entry: &[&str] = match start {
            Start::Default => &[],
            Start::Process(path) | Start::Program(path) => &["--entrypoint", path],
        };
        let variables: Vec<&str> = variables.collect();
        let all = [&variables[..], entry, more, &["app"], arguments].concat();
        match self {
            Self::Docker(docker) => docker.command(&[&["run", "--rm", "--network", "host"], &all[..]].concat()),
            Self::Podman(podman) => podman.command(&[&PODMAN_RUN, &all[..]].concat()),
            Self::Baler(_) => unreachable!("it was answered above"),
        }
    }

    /// A signal reaches the process, which has taken the launcher's place, and its end is the end.
    pub(super) fn check_signals(&self) {
        self.check_signal("TERM", "got it\n", 7);
        // Who kills Baler kills what it started; that is tested elsewhere.
        if !matches!(self, Self::Baler(_)) {
            self.check_signal("KILL", "", 137);
        }
    }

    fn check_signal(&self, signal: &str, said: &str, code: i32) {
        let name = format!("signal-{}", signal.to_lowercase());
        let mut command = self.command(&Start::Process("wait"), &[], &[], &["--name", &name]);
        let mut child = spawn(command.stdout(Stdio::piped()));
        let mut output = child.stdout.take().unwrap();
        let mut ready = [0; 6];
        output.read_exact(&mut ready).unwrap();
        let kill = ["kill", "--signal", signal, &name];
        match self {
            Self::Baler(_) => kill_process(Pid::from_child(&child), Signal::TERM).unwrap(),
            Self::Docker(docker) => drop(docker.run(&kill).success()),
            Self::Podman(podman) => drop(podman.run(&kill).success()),
        }
        let mut rest = String::new();
        output.read_to_string(&mut rest).unwrap();
        assert_eq!((rest.as_str(), child.wait().unwrap().code()), (said, Some(code)), "{self}: {signal}");
    }
}
