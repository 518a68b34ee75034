//! A launched image: layers and an app directory in a temporary place, and ways to start it.

use std::ffi::OsStr;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use fs_err as fs;
use tempfile::TempDir;

/// The two directories that an app image has. `{layers}` and `{app}` in contents stand for them.
pub(crate) struct Image {
    root: TempDir,
}

/// How a start ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// The exit code, or minus the signal.
    pub(crate) code: i32,
}

impl Image {
    /// An image with this metadata.toml.
    pub(crate) fn new(metadata: &str) -> Self {
        let image = Self { root: tempfile::tempdir().unwrap() };
        fs::create_dir_all(image.app()).unwrap();
        image.write("layers/config/metadata.toml", metadata);
        image
    }

    pub(crate) fn layers(&self) -> PathBuf {
        self.root.path().join("layers")
    }

    pub(crate) fn app(&self) -> PathBuf {
        self.root.path().join("app")
    }

    pub(crate) fn write(&self, path: &str, contents: &str) -> &Self {
        let path = self.root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, self.filled(contents)).unwrap();
        self
    }

    /// A shell script with the executable bits set.
    pub(crate) fn write_script(&self, path: &str, script: &str) -> &Self {
        self.write_executable(path, &format!("#!/bin/sh\n{script}"))
    }

    /// A file with the executable bits set. It is written by another process: were it open here while another test
    /// forks, the kernel would call it busy.
    pub(crate) fn write_executable(&self, path: &str, contents: &str) -> &Self {
        let source = format!("{path}.source");
        self.write(&source, contents);
        let [source, target] = [source.as_str(), path].map(|path| self.root.path().join(path));
        let status = Command::new("install").args(["-m", "755", "--"]).args([&source, &target]).status().unwrap();
        assert!(status.success());
        fs::remove_file(source).unwrap();
        self
    }

    fn filled(&self, text: &str) -> String {
        let text = text.replace("{layers}", self.layers().to_str().unwrap());
        text.replace("{app}", self.app().to_str().unwrap())
    }

    /// A command that starts the launcher under `name`, at Platform API 0.12.
    pub(crate) fn command(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_baler-launcher"));
        command.arg0(name).args(arguments).env_clear().current_dir("/");
        command.env("PATH", "/cnb/process:/cnb/lifecycle:/usr/bin:/bin").env("CNB_PLATFORM_API", "0.12");
        command.env("CNB_LAYERS_DIR", self.layers()).env("CNB_APP_DIR", self.app());
        command
    }

    /// Starts it and waits for the end.
    pub(crate) fn start(&self, name: &str, arguments: &[&str]) -> Ended {
        self.end(&mut self.command(name, arguments))
    }

    /// Runs a command made by [`Image::command`]; the image's directories are named as in contents.
    pub(crate) fn end(&self, command: &mut Command) -> Ended {
        let Output { status, stdout, stderr } = command.output().unwrap();
        let text = |bytes: Vec<u8>| {
            let text = String::from_utf8(bytes).unwrap().replace(self.layers().to_str().unwrap(), "{layers}");
            text.replace(self.app().to_str().unwrap(), "{app}")
        };
        let code = status.code().unwrap_or_else(|| -status.signal().unwrap());
        Ended { stdout: text(stdout), stderr: text(stderr), code }
    }
}

impl Ended {
    /// What was printed, if all went well.
    #[track_caller]
    pub(crate) fn printed(self) -> String {
        assert_eq!((self.code, self.stderr.as_str()), (0, ""), "{self:?}");
        self.stdout
    }

    /// The error, if the launcher itself failed with `code`.
    #[track_caller]
    pub(crate) fn failed_with(self, code: i32) -> String {
        assert_eq!((self.code, self.stdout.as_str()), (code, ""), "{self:?}");
        self.stderr
    }
}

/// Whether a program that a test cannot do without is there; says so if not.
pub(crate) fn has(program: impl AsRef<OsStr>) -> bool {
    let program = Path::new(program.as_ref());
    let is_there = program.exists();
    if !is_there {
        println!("SKIP: needs {}", program.display());
    }
    is_there
}
