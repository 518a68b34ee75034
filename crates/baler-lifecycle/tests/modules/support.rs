//! A place with directories for a build, and buildpacks that are written into it.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use baler_cnb::analyzed::TargetMetadata;
use baler_cnb::api::PlatformApi;
use baler_cnb::buildpack::Distro;
use baler_cnb::environment::Environment;
use baler_cnb::group::GroupFile;
use baler_cnb::order::{OrderFile, System};
use baler_cnb::plan::PlanFile;
use baler_lifecycle::build::BuildInputs;
use baler_lifecycle::detect::DetectInputs;
use baler_lifecycle::interrupt::Interrupt;
use baler_lifecycle::log::Log;
use baler_lifecycle::module_store::ModuleStore;
use baler_lifecycle::progress::{Event, Observer};
use fs_err as fs;

/// A script that was just written cannot be run while another test forks: the child has it open for writing until it
/// executes something else. So there is one place at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Directories for a build; gone when it is dropped.
pub(crate) struct Place {
    directory: tempfile::TempDir,
    _alone: MutexGuard<'static, ()>,
}

impl Place {
    pub(crate) fn new() -> Self {
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let place = Self { directory: tempfile::tempdir().unwrap(), _alone: alone };
        for name in ["app", "layers", "platform/env", "tmp"] {
            fs::create_dir_all(place.path(name)).unwrap();
        }
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn script(&self, name: &str, text: &str) {
        self.program(name, &format!("#!/bin/sh\nset -e\n{text}\n"));
    }

    /// Has a file that can be executed written by another process: what this one has open for writing, a child that
    /// another test starts at that moment holds a little longer, and such a file cannot be executed.
    pub(crate) fn program(&self, name: &str, text: &str) {
        let mut install = Command::new("install");
        install.args(["-D", "-m", "755", "/dev/stdin"]).arg(self.path(name)).stdin(Stdio::piped());
        let mut install = install.spawn().unwrap();
        install.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        assert!(install.wait().unwrap().success(), "{name}");
    }

    /// A buildpack `id` of version 1 with the API 0.10; `more` goes into the table `[buildpack]`.
    pub(crate) fn buildpack(&self, id: &str, more: &str, detect: &str, build: &str) {
        self.buildpack_with_api("0.10", id, more, detect, build);
    }

    pub(crate) fn buildpack_with_api(&self, api: &str, id: &str, more: &str, detect: &str, build: &str) {
        let directory = format!("buildpacks/{}/1", id.replace('/', "_"));
        let descriptor = format!("api = \"{api}\"\n[buildpack]\nid = \"{id}\"\nversion = \"1\"\n{more}\n");
        self.write(&format!("{directory}/buildpack.toml"), &descriptor);
        self.script(&format!("{directory}/bin/detect"), detect);
        self.script(&format!("{directory}/bin/build"), build);
    }

    /// A composite buildpack; `order` is in the form of [`order`].
    pub(crate) fn composite(&self, id: &str, groups: &[&str]) {
        let order = toml::to_string(&order(groups)).unwrap();
        let descriptor = format!("api = \"0.10\"\n[buildpack]\nid = \"{id}\"\nversion = \"1\"\n{order}");
        self.write(&format!("buildpacks/{id}/1/buildpack.toml"), &descriptor);
    }

    pub(crate) fn store(&self) -> ModuleStore {
        ModuleStore { buildpacks: self.path("buildpacks"), extensions: self.path("extensions") }
    }

    pub(crate) fn detect_inputs(&self, groups: &[&str]) -> DetectInputs {
        DetectInputs {
            platform_api: PlatformApi::LATEST,
            store: self.store(),
            order: order(groups),
            system: System::default(),
            app_directory: self.path("app"),
            platform_directory: self.path("platform"),
            build_config_directory: self.path("build-config"),
            target: target(),
            exec_env: "production".to_owned(),
            environment: environment(),
            temporary_directory: self.path("tmp"),
            concurrency: 4,
            interrupt: Interrupt::new(),
        }
    }

    /// A build of the buildpacks `ids`, all of API 0.10; what they print goes to the file `output`.
    pub(crate) fn build_inputs(&self, ids: &[&str], plan: &str) -> BuildInputs {
        let element = |id: &&str| format!("[[group]]\nid = \"{id}\"\nversion = \"1\"\napi = \"0.10\"\n");
        let group: GroupFile = toml::from_str(&ids.iter().map(element).collect::<Vec<_>>().concat()).unwrap();
        let plan: PlanFile = toml::from_str(plan).unwrap();
        BuildInputs {
            platform_api: PlatformApi::LATEST,
            store: self.store(),
            group,
            plan,
            app_directory: self.path("app"),
            layers_directory: self.path("layers"),
            platform_directory: self.path("platform"),
            build_config_directory: self.path("build-config"),
            target: target(),
            exec_env: "production".to_owned(),
            environment: environment(),
            temporary_directory: self.path("tmp"),
            output: std::fs::File::create(self.path("output")).unwrap(),
            interrupt: Interrupt::new(),
        }
    }

    /// Whether short-lived files were removed.
    pub(crate) fn is_tidy(&self) -> bool {
        fs::read_dir(self.path("tmp")).unwrap().next().is_none()
    }
}

/// `a b?`: a group; the version is 1.
pub(crate) fn order(groups: &[&str]) -> OrderFile {
    let element = |word: &str| {
        let id = word.trim_end_matches('?');
        format!("[[order.group]]\nid = \"{id}\"\nversion = \"1\"\noptional = {}\n", word.ends_with('?'))
    };
    let group = |text: &&str| "[[order]]\n".to_owned() + &text.split(' ').map(element).collect::<Vec<_>>().concat();
    toml::from_str(&groups.iter().map(group).collect::<Vec<_>>().concat()).unwrap()
}

fn target() -> TargetMetadata {
    let distro = Distro { name: "debian".into(), version: "13".into() };
    TargetMetadata { os: "linux".into(), arch: "amd64".into(), distro: Some(distro), ..Default::default() }
}

fn environment() -> Environment {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let variables: [(&str, &OsStr); 3] = [("PATH", &path), ("HOME", "/home/x".as_ref()), ("SECRET", "x".as_ref())];
    variables.into_iter().collect()
}

/// Keeps what is said.
#[derive(Default)]
pub(crate) struct Lines(Mutex<Vec<String>>);

impl Lines {
    /// Lines of the level `info` and above.
    pub(crate) fn text(&self) -> String {
        self.0.lock().unwrap().join("\n")
    }
}

impl Observer for Lines {
    fn event(&self, _: &Event) {}
}

impl Log for Lines {
    fn debug(&self, _: &str) {}

    fn info(&self, line: &str) {
        self.0.lock().unwrap().push(line.to_owned());
    }

    fn warn(&self, line: &str) {
        self.0.lock().unwrap().push(format!("Warning: {line}"));
    }
}

/// An error and its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// Whether the process with this number ends soon. A zombie has ended.
pub(crate) fn ends(pid: &str) -> bool {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while std::time::Instant::now() < deadline {
        let stat = fs::read_to_string(Path::new("/proc").join(pid.trim()).join("stat")).unwrap_or_default();
        let state = stat.rsplit(") ").next().and_then(|rest| rest.chars().next());
        if matches!(state, None | Some('Z' | 'X')) {
            return true;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    false
}

/// Waits for a file to have contents, and returns them.
pub(crate) fn wait_for(path: &Path) -> String {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    loop {
        let text = fs::read_to_string(path).unwrap_or_default();
        if text.ends_with('\n') {
            return text;
        }
        assert!(std::time::Instant::now() < deadline, "{} did not come", path.display());
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}
