//! `pasta`, which gives a network namespace a way out without privileges: the helper starts it and ends it.

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fs_err as fs;
use rustix::fs::MemfdFlags;

use crate::gate::NAME_SERVER;

/// How long it may take to set up the interface. It is some milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running `pasta`. It ends with this value.
pub(super) struct WayOut(Child);

impl Drop for WayOut {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts the program for the namespaces of `process`, and returns when the network is there. `scratch` is a directory
/// for its process id, which it writes when that is so. A failure is a text for a person.
pub(super) fn open(program: &Path, process: u32, as_root: bool, scratch: &Path) -> Result<WayOut, String> {
    let ready = scratch.join("pasta.pid");
    let messages =
        rustix::fs::memfd_create("standard-error", MemfdFlags::CLOEXEC).map_err(|error| error.to_string())?;
    let mut messages = File::from(messages);
    let stderr = messages.try_clone().map_err(|error| error.to_string())?;
    let child = Command::new(program)
        .args(arguments(process, as_root, &ready))
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(stderr)
        .spawn()
        .map_err(|error| error.to_string())?;
    let mut way_out = WayOut(child);
    let outcome = wait(&mut way_out.0, &ready, &mut messages);
    // Nobody reads it any more. Where it is left, the scratch directory goes with it.
    let _ = fs::remove_file(&ready);
    outcome.map(|()| way_out)
}

fn wait(child: &mut Child, ready: &PathBuf, messages: &mut File) -> Result<(), String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if fs::metadata(ready).is_ok_and(|metadata| metadata.len() > 0) {
            return Ok(());
        }
        if let Ok(Some(status)) = child.try_wait() {
            return Err(last_line(messages).unwrap_or_else(|| status.to_string()));
        }
        if Instant::now() > deadline {
            return Err("it does not get ready".to_owned());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The last thing that it said, but for complaints about the system log, which it may have no access to.
fn last_line(messages: &mut File) -> Option<String> {
    let mut bytes = Vec::new();
    messages.rewind().and_then(|()| messages.read_to_end(&mut bytes)).ok()?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let is_message = |line: &&str| !line.trim().is_empty() && !line.contains("to syslog");
    text.lines().rfind(is_message).map(|line| line.trim().to_owned())
}

/// An interface with the host's addresses, and nothing of the host itself behind it: no ports of its, no loopback.
fn arguments(process: u32, as_root: bool, ready: &Path) -> Vec<OsString> {
    let mut arguments: Vec<OsString> =
        ["--foreground", "--quiet", "--config-net", "--no-map-gw"].map(Into::into).into();
    for ports in ["--tcp-ports", "--udp-ports", "--tcp-ns", "--udp-ns"] {
        arguments.extend([ports.into(), "none".into()]);
    }
    arguments.extend(["--dns-forward".into(), NAME_SERVER.into()]);
    if as_root {
        // By itself it would become a user who may not enter the namespaces.
        arguments.extend(["--runas".into(), "0:0".into()]);
    }
    arguments.extend(["--pid".into(), ready.into()]);
    arguments.extend(["--userns".into(), format!("/proc/{process}/ns/user").into()]);
    arguments.extend(["--netns".into(), format!("/proc/{process}/ns/net").into()]);
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_of_pasta() {
        let arguments = arguments(7, true, Path::new("/s/pasta.pid"));
        let text = arguments.join(" ".as_ref()).into_string().unwrap();
        assert_eq!(
            text,
            "--foreground --quiet --config-net --no-map-gw --tcp-ports none --udp-ports none --tcp-ns none \
             --udp-ns none --dns-forward 169.254.1.1 --runas 0:0 --pid /s/pasta.pid --userns /proc/7/ns/user \
             --netns /proc/7/ns/net"
        );
    }
}
