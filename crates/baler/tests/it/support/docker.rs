//! A Docker daemon of the test's own: without a network, in directories that go with it.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use super::Outcome;

/// The daemon. Dropping it ends it.
pub struct Docker {
    directory: tempfile::TempDir,
    daemon: Child,
}

impl Docker {
    /// Starts one; `None` after saying what is missing.
    pub fn start() -> Option<Self> {
        let there = |name: &str| {
            let directories = ["/usr/local/bin", "/usr/bin", "/usr/sbin", "/usr/local/sbin"];
            directories.iter().any(|directory| PathBuf::from(directory).join(name).exists())
        };
        if !rustix::process::geteuid().is_root() || !["dockerd", "docker", "runc"].iter().all(|name| there(name)) {
            eprintln!("SKIP: needs root and Docker (Debian's package docker.io)");
            return None;
        }
        let directory = tempfile::Builder::new().prefix("baler-docker-").tempdir().unwrap();
        let log = std::fs::File::create(directory.path().join("log")).unwrap();
        let mut command = Command::new("dockerd");
        for (flag, name) in [("--data-root", "data"), ("--exec-root", "exec"), ("--pidfile", "pid")] {
            command.arg(flag).arg(directory.path().join(name));
        }
        command.args(["--debug", "--bridge=none", "--iptables=false", "-H"]).arg(socket(directory.path()));
        let daemon = super::spawn(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log));
        let mut docker = Self { directory, daemon };
        let deadline = Instant::now() + Duration::from_mins(2);
        while docker.run(&["version"]).code != Some(0) {
            let has_ended = docker.daemon.try_wait().unwrap().is_some();
            if has_ended || Instant::now() > deadline {
                let log = std::fs::read_to_string(docker.directory.path().join("log")).unwrap();
                eprintln!("SKIP: needs a machine on which Docker starts: {}", log.lines().last().unwrap_or_default());
                return None;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Some(docker)
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        socket(self.directory.path())
    }

    /// How many requests so far were to export an image.
    pub fn exports(&self) -> usize {
        let log = std::fs::read_to_string(self.directory.path().join("log")).unwrap();
        let is_export =
            |line: &&str| line.contains("Calling GET /") && line.contains("/images/") && line.contains("/get");
        log.lines().filter(is_export).count()
    }

    /// Its client.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("docker");
        command.arg("-H").arg(socket(self.directory.path())).args(arguments).stdin(Stdio::null());
        command
    }

    /// Runs its client.
    pub fn run(&self, arguments: &[&str]) -> Outcome {
        super::outcome(&mut self.command(arguments))
    }
}

fn socket(directory: &std::path::Path) -> String {
    format!("unix://{}", directory.join("socket").display())
}

impl Drop for Docker {
    fn drop(&mut self) {
        // Asked kindly, it ends its containers and unmounts what it has mounted.
        let _ = rustix::process::kill_process(Pid::from_child(&self.daemon), Signal::TERM);
        let _ = self.daemon.wait();
        // All but the network namespace of containers without a network, which would keep the directory from going.
        let namespace = self.directory.path().join("exec/netns/default");
        let _ = super::try_outcome(Command::new("umount").arg(namespace));
    }
}
