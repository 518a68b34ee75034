//! Images into daemons, by somebody else than Baler.

use std::path::Path;
use std::process::Command;

use super::Running;

impl Running {
    /// Loads an archive.
    #[track_caller]
    pub fn load(&self, archive: &Path) {
        let mut curl = Command::new("curl");
        curl.args([
            "--silent",
            "--show-error",
            "--fail",
            "--unix-socket",
            self.address().trim_start_matches("unix://"),
        ]);
        curl.args(["--request", "POST", "--header", "content-type: application/x-tar", "--data-binary"]);
        curl.arg(format!("@{}", archive.display())).arg("http://docker/images/load");
        super::outcome(&mut curl).success();
    }
}
