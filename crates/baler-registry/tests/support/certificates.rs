//! Certificates for tests, made with `openssl`. The end-to-end tests of `baler` use this file as well.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A directory with an authority (`ca.pem`) and certificates of it.
pub struct Authority {
    directory: tempfile::TempDir,
}

impl Authority {
    /// `None`, and a word why, where `openssl` is not installed.
    #[allow(clippy::print_stderr, reason = "tests say what they skip")]
    pub fn new() -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let own = Self { directory };
        let subject = ["-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=test authority", "-days", "2"];
        if !own.openssl(&[&["req", "-x509"][..], &KEY, &subject].concat()) {
            eprintln!("SKIP: needs openssl");
            return None;
        }
        Some(own)
    }

    /// Makes a certificate for these names (`IP:127.0.0.1`, `DNS:registry.example`), valid for so many days: `NAME.pem`
    /// and `NAME.key`.
    pub fn sign(&self, file: &str, names: &str, days: &str) -> (PathBuf, PathBuf) {
        let (key, certificate) = (format!("{file}.key"), format!("{file}.pem"));
        fs_err::write(self.path("extensions"), format!("subjectAltName={names}\n")).unwrap();
        let request = ["-keyout", &key, "-out", "request.pem", "-subj", "/CN=registry"];
        let sign = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", days, "-extfile", "extensions"];
        assert!(self.openssl(&[&["req"][..], &KEY, &request].concat()));
        let sign = [&["x509", "-req", "-in", "request.pem", "-out", &certificate][..], &sign].concat();
        assert!(self.openssl(&sign));
        (self.path(&certificate), self.path(&key))
    }

    pub fn path(&self, file: &str) -> PathBuf {
        self.directory.path().join(file)
    }

    pub fn read(&self, file: &str) -> Vec<u8> {
        fs_err::read(self.path(file)).unwrap()
    }

    /// What the test registry wants.
    pub fn tls(&self, names: &str) -> baler_test_registry::Tls {
        self.tls_for(names, "2")
    }

    /// The same with a certificate for so many days.
    pub fn tls_for(&self, names: &str, days: &str) -> baler_test_registry::Tls {
        let (certificates, key) = self.sign("server", names, days);
        let read = |path: &Path| fs_err::read(path).unwrap();
        baler_test_registry::Tls { certificates: read(&certificates), key: read(&key), client_authority: None }
    }

    fn openssl(&self, arguments: &[&str]) -> bool {
        let mut command = Command::new("openssl");
        command.args(arguments).current_dir(self.directory.path()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }
}

const KEY: [&str; 5] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
