//! A running daemon as this crate sees it, and as `curl` does.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use baler_daemon::{Address, Daemon, DaemonSink, DaemonSource};

use crate::engine::Running;

impl Running {
    /// A connection to it.
    pub fn daemon(&self) -> Arc<Daemon> {
        Arc::new(Daemon::open(&Address::parse(&self.address(), None).unwrap()).unwrap())
    }

    /// What one command has of it.
    pub fn source(&self) -> Arc<DaemonSource> {
        Arc::new(DaemonSource::new(self.daemon(), self.directory.path()))
    }

    pub fn sink(&self) -> DaemonSink {
        DaemonSink::new(self.source(), self.directory.path())
    }

    /// Asks the daemon with `curl`, as somebody else.
    pub fn curl(&self, method: &str, path: &str, content: Option<&Path>) -> String {
        let mut command = Command::new("curl");
        command.args(["--silent", "--show-error", "--unix-socket"]).arg(self.directory.path().join("socket"));
        command.args(["--request", method, &format!("http://docker{path}")]);
        if let Some(content) = content {
            command.args(["--header", "content-type: application/x-tar", "--data-binary"]);
            command.arg(format!("@{}", content.display()));
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}
