//! Daemons of our own: in namespaces and directories that go with the test. The end-to-end tests of `baler` use this file
//! as well.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use baler_daemon::{Address, Daemon};

/// A daemon that takes longer than this to start has failed.
const START: Duration = Duration::from_mins(2);

/// A daemon that takes longer than this to end is killed.
const END: Duration = Duration::from_secs(10);

/// A daemon that answers.
pub struct Running {
    child: Child,
    pub directory: tempfile::TempDir,
}

/// Where `scripts/docker-26.sh` puts it.
fn docker_26() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/daemons/docker-26")
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n")
}

fn skip(needs: &str) -> Option<Running> {
    eprintln!("SKIP: needs {needs}");
    None
}

impl Running {
    /// The Docker of this system, which keeps images in its own way.
    pub fn classic_docker() -> Option<Self> {
        if !is_root() || !Path::new("/usr/sbin/dockerd").exists() {
            return skip("root and dockerd (package docker.io)");
        }
        let directory = directory();
        let script = format!(
            "exec dockerd --host unix://{0}/socket --data-root {0}/data --exec-root {0}/exec --pidfile {0}/pid \
             --bridge=none --iptables=false --ip6tables=false",
            directory.path().display()
        );
        Some(Self::start(directory, &script))
    }

    /// A Docker with the containerd image store, in a root file system of its own.
    pub fn containerd_docker() -> Option<Self> {
        let root = docker_26();
        if !is_root() || !root.join("usr/sbin/dockerd").exists() {
            return skip("root and target/daemons/docker-26, which scripts/docker-26.sh makes");
        }
        let directory = directory();
        let config = r#"{"features":{"containerd-snapshotter":true}}"#;
        fs_err::write(directory.path().join("daemon.json"), config).unwrap();
        let script = format!(
            "mount -t tmpfs tmpfs {0}/mnt && mkdir {0}/mnt/state && mount --bind {1} {0}/mnt/state && \
             mount -t proc proc {0}/proc && mount --rbind /sys {0}/sys && mount --rbind /dev {0}/dev && \
             mount -t tmpfs tmpfs {0}/run && mount -t tmpfs tmpfs {0}/tmp && \
             exec chroot {0} dockerd --config-file /mnt/state/daemon.json --host unix:///mnt/state/socket \
             --data-root /mnt/state/data --exec-root /run/docker --pidfile /run/pid \
             --bridge=none --iptables=false --ip6tables=false",
            root.display(),
            directory.path().display()
        );
        Some(Self::start(directory, &script))
    }

    /// Podman's service, of the caller.
    pub fn podman() -> Option<Self> {
        if !Command::new("podman").arg("--version").output().is_ok_and(|output| output.status.success()) {
            return skip("podman");
        }
        let directory = directory();
        let script = format!(
            "cd {0} && exec podman --root root --runroot run system service --time 0 unix://{0}/socket",
            directory.path().display()
        );
        if is_root() {
            // It mounts its storage onto itself, and leaves that behind where it can.
            return Some(Self::start(directory, &script));
        }
        let mut command = Command::new("sh");
        // The process that holds a user's namespaces is one of this directory, and not the caller's own.
        command.args(["-c", &script]).env("XDG_RUNTIME_DIR", directory.path()).process_group(0);
        Some(Self::wait(directory, command))
    }

    /// Runs a script in namespaces that end with it.
    fn start(directory: tempfile::TempDir, script: &str) -> Self {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--pid", "--fork", "--kill-child=SIGKILL", "--mount-proc", "--propagation=private"]);
        command.args(["sh", "-c", script]);
        Self::wait(directory, command)
    }

    fn wait(directory: tempfile::TempDir, mut command: Command) -> Self {
        let log = fs_err::File::create(directory.path().join("log")).unwrap().into_parts().0;
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let mut child = super::spawn(&mut command);
        let address = Address::Unix(directory.path().join("socket"));
        let begin = Instant::now();
        while let Err(error) = Daemon::open(&address) {
            let has_ended = child.try_wait().unwrap().is_some();
            let log = || fs_err::read_to_string(directory.path().join("log")).unwrap_or_default();
            assert!(!has_ended && begin.elapsed() < START, "{error}: {}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
        Self { child, directory }
    }

    /// Where it listens, as environment variables have it.
    pub fn address(&self) -> String {
        format!("unix://{}", self.directory.path().join("socket").display())
    }
}

/// Short, since the path of a socket is limited.
fn directory() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("baler-d").tempdir_in("/tmp").unwrap()
}

/// Signals the process group of a service, and says whether there was anyone to signal.
fn signal_group(signal: &str, group: u32) -> bool {
    let mut kill = Command::new("kill");
    kill.args(["-s", signal, "--", &format!("-{group}")]).stderr(Stdio::null());
    kill.status().is_ok_and(|status| status.success())
}

/// Ends a Podman that an ordinary user started. It is two processes: one in the namespaces that serves, and one outside
/// that is meant to hand signals on to it, and that may end before it has.
fn end_podman(child: &mut Child, directory: &Path) {
    let group = child.id();
    signal_group("TERM", group);
    let _ = child.wait();
    let begin = Instant::now();
    while begin.elapsed() < END && signal_group("0", group) {
        std::thread::sleep(Duration::from_millis(10));
    }
    signal_group("KILL", group);
    // Files of mapped ids, and then the process that holds the map.
    let mut remove = Command::new("podman");
    remove.args(["unshare", "rm", "-rf"]).arg(directory.join("root"));
    let _ = remove.env("XDG_RUNTIME_DIR", directory).output();
    if let Ok(pid) = fs_err::read_to_string(directory.join("libpod/tmp/pause.pid")) {
        let _ = Command::new("kill").arg(pid.trim()).output();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if is_root() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        } else {
            end_podman(&mut self.child, self.directory.path());
        }
    }
}
