//! `docker-registry` on loopback, with a configuration of its own.

use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub struct Registry {
    process: Child,
    pub address: String,
    pub directory: tempfile::TempDir,
}

impl Registry {
    /// `None`, and a word why, where the program is not installed. `http` and `auth` are lines of its configuration.
    pub fn start(prepare: impl FnOnce(&std::path::Path) -> (String, String)) -> Option<Self> {
        if Command::new("docker-registry").arg("--version").stdout(Stdio::null()).status().is_err() {
            println!("SKIP: needs docker-registry");
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        let (http, auth) = prepare(directory.path());
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        drop(listener);
        let config = format!(
            "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {}\n  delete:\n    enabled: true\nhttp:\n  addr: {address}\n{http}{auth}",
            directory.path().join("data").display()
        );
        fs_err::write(directory.path().join("config.yml"), config).unwrap();
        let log = fs_err::File::create(directory.path().join("log")).unwrap().into_file();
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(directory.path().join("config.yml")).stdout(Stdio::null()).stderr(log);
        let process = command.spawn().unwrap();
        let registry = Self { process, address, directory };
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(&registry.address).is_err() {
            assert!(Instant::now() < deadline, "docker-registry does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(registry)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
