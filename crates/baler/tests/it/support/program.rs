//! The program under test: what `cargo xtask build` makes, static and with its launchers.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::base::Base;
use super::user::User;

/// The program, or `None` after saying why it is not there.
fn program() -> Option<PathBuf> {
    let given = std::env::var_os("BALER_PROGRAM").map(PathBuf::from);
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/dist/baler");
    let path = given.unwrap_or(built);
    if path.exists() {
        return Some(path);
    }
    eprintln!("SKIP: needs {}, which `cargo xtask build` makes", path.display());
    None
}

/// A directory of its own for one user: the program, a store, and what a test puts there.
pub struct Place {
    directory: tempfile::TempDir,
    pub user: User,
}

/// How a run of the program ended.
#[derive(Debug)]
pub struct Outcome {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Outcome {
    /// Fails with all that was said unless the program succeeded.
    #[track_caller]
    pub fn success(self) -> Self {
        assert_eq!(self.code, Some(0), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Fails unless the program ended with `code`.
    #[track_caller]
    pub fn failure(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }
}

impl From<Output> for Outcome {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl Place {
    /// A place for `user`; `None` if the program is not there.
    pub fn new(user: User) -> Option<Self> {
        let source = program()?;
        let directory = tempfile::Builder::new().prefix("baler-test-").tempdir().unwrap();
        // Where the program lies may not be readable for the user.
        let program = directory.path().join("baler");
        super::spawn::writing(|| std::fs::copy(source, &program)).unwrap();
        user.give(directory.path());
        Some(Self { directory, user })
    }

    /// A place with the base images in the store and a builder `builder` of these buildpacks, in one group.
    pub fn with_builder(user: User, buildpacks: &[&str]) -> Option<Self> {
        let place = Self::new(user)?;
        let base = Base::get()?;
        place.run(&["load", base.path().to_str().unwrap()]).success();
        let images = "[build]\nimage = \"test-build\"\n[[run.images]]\nimage = \"test-run\"\n";
        let sources = buildpacks.iter().map(|name| format!("[[buildpacks]]\nuri = \"{name}\"\n"));
        let group = buildpacks.iter().map(|name| format!("[[order.group]]\nid = \"test/{name}\"\n"));
        let config: String =
            std::iter::once(images.to_owned()).chain(sources).chain(["[[order]]\n".to_owned()]).chain(group).collect();
        super::write(&place.path().join("builder.toml"), &config);
        Some(place)
    }

    /// Makes the builder of [`Place::with_builder`], once its buildpacks are written.
    #[track_caller]
    pub fn create_builder(&self) {
        self.run(&["builder", "create", "builder", "--config", "builder.toml"]).success();
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The store.
    pub fn store(&self) -> PathBuf {
        self.path().join("store")
    }

    /// The command line, to be changed and started.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.user.give(self.path());
        let mut command = self.user.command(&self.path().join("baler"));
        command.args(arguments).current_dir(self.path()).stdin(Stdio::null());
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.env("HOME", self.path()).env("BALER_HOME", self.store());
        command
    }

    /// Runs the program.
    pub fn run(&self, arguments: &[&str]) -> Outcome {
        super::outcome(&mut self.command(arguments))
    }

    /// Builds `app` in the directory `app`.
    pub fn build(&self, more: &[&str]) -> Outcome {
        let arguments = [&["build", "app", "--builder", "builder", "--path", "app"], more].concat();
        self.run(&arguments)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Unpacked layers may belong to ids that only the program can remove.
        let mut command = self.user.command(&self.path().join("baler"));
        // A second panic would end all tests; what cannot be removed is left.
        let _ = super::spawn::try_outcome(command.env("BALER_HOME", self.store()).args(["rm", "--all", "-q"]));
    }
}
