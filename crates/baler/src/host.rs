//! What the program takes from its process: the environment, the user, the place of the store. Only here.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use baler_platform::context::Context;
use baler_platform::interrupt::Interrupt;
use baler_platform::places::{Daemons, Places, PullPolicy};
use baler_sandbox::{HostIds, Identity, KernelCalls, SandboxProgram};
use baler_store::Store;

use crate::config::Config;
use crate::output::Console;

/// The process's surroundings, read once.
pub(crate) struct Host {
    pub(crate) variables: BTreeMap<String, String>,
    store: Store,
    interrupt: Interrupt,
    config: Config,
    pull_policy: PullPolicy,
    insecure_registries: Vec<String>,
    docker_address: Option<String>,
    tries: Option<u32>,
}

impl Host {
    /// Opens the store and begins to listen to signals.
    pub(crate) fn open() -> anyhow::Result<Self> {
        let variables = variables();
        let root = store_root(&variables)?;
        let store = Store::open(&root, SandboxProgram::current())?;
        let interrupt = Interrupt::default();
        crate::signals::listen(interrupt.clone()).context("could not listen to signals")?;
        let config = Config::read(&variables)?;
        let pull_policy = match config.pull_policy.as_str() {
            "" => default_pull_policy(),
            text => text.parse()?,
        };
        Ok(Self {
            variables,
            store,
            interrupt,
            config,
            pull_policy,
            insecure_registries: Vec::new(),
            docker_address: None,
            tries: None,
        })
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// The user's configuration.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// When registries are asked: as the command line says, else as the configuration does.
    pub(crate) fn set_pull_policy(&mut self, text: Option<&str>) -> anyhow::Result<()> {
        if let Some(text) = text {
            self.pull_policy = text.parse()?;
        }
        Ok(())
    }

    /// Registries whose certificates are not verified, and which may do without TLS.
    pub(crate) fn set_insecure_registries(&mut self, registries: Vec<String>) {
        self.insecure_registries = registries;
    }

    /// A registry that does not answer at once is not asked again: for who only wants to look.
    pub(crate) fn do_not_retry(&mut self) {
        self.tries = Some(1);
    }

    /// Where Docker listens: an address, or `inherit` for what `DOCKER_HOST` says.
    pub(crate) fn set_docker_host(&mut self, address: Option<String>) {
        self.docker_address = address;
    }

    fn daemons(&self, uid: u32) -> Daemons {
        crate::daemons::daemons(self.variables.clone(), self.docker_address.clone(), uid)
    }

    /// A variable of the process.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }

    /// What commands work with.
    pub(crate) fn context<'a>(
        &'a self,
        console: &'a Console,
        threads: Option<NonZeroUsize>,
    ) -> anyhow::Result<Context<'a>> {
        let (caller, host_ids) = ids(&self.variables)?;
        let available = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Ok(Context {
            store: &self.store,
            output: console,
            interrupt: self.interrupt.clone(),
            places: Places::new(crate::registries::registries(
                self.variables.clone(),
                self.insecure_registries.clone(),
                self.config.mirrors(),
                self.tries,
            ))
            .with_daemons(self.daemons(caller.uid)),
            pull_policy: self.pull_policy,
            caller,
            host_ids,
            program: sandbox_program(&self.variables),
            program_file: std::env::current_exe().context("could not find this program's own file")?,
            launchers: baler_lifecycle::launcher_binary::embedded,
            variables: self.variables.clone(),
            threads: threads.unwrap_or_else(available),
        })
    }
}

/// Whether the program is started under the name of the one that it stands for.
pub(crate) fn is_called_pack() -> bool {
    let name = std::env::args_os().next().map(PathBuf::from);
    name.as_deref().and_then(Path::file_name).is_some_and(|name| name == "pack")
}

/// What the program calls itself.
pub(crate) fn called() -> &'static str {
    if is_called_pack() { "pack" } else { "baler" }
}

/// When registries are asked where nobody says it. As pack has it; here, what is in the local store is used without
/// asking the network.
pub(crate) fn default_pull_policy() -> PullPolicy {
    if is_called_pack() { PullPolicy::Always } else { PullPolicy::IfNotPresent }
}

/// The environment. Variables that are not UTF-8 have no part in anything that Baler does.
pub(crate) fn variables() -> BTreeMap<String, String> {
    let text = |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
    std::env::vars_os().filter_map(text).collect()
}

/// This program. `BALER_KERNEL_CALLS=oldest` has its sandboxes made as on Linux 5.11, for tests and to look for faults.
pub(crate) fn sandbox_program(variables: &BTreeMap<String, String>) -> SandboxProgram {
    let is_oldest = variables.get("BALER_KERNEL_CALLS").is_some_and(|value| value == "oldest");
    let kernel_calls = if is_oldest { KernelCalls::Oldest } else { KernelCalls::Best };
    let mut program = SandboxProgram::current();
    program.kernel_calls = kernel_calls;
    program
}

/// Who runs the program, and which ids the host gives it.
pub(crate) fn ids(variables: &BTreeMap<String, String>) -> anyhow::Result<(Identity, HostIds)> {
    let caller = identity();
    let path: Vec<PathBuf> =
        std::env::split_paths(variables.get("PATH").map_or("/usr/bin:/bin", String::as_str)).collect();
    let host_ids = HostIds::read(&caller, &path)?;
    Ok((caller, host_ids))
}

/// `$BALER_HOME`, else the XDG data directory.
fn store_root(variables: &BTreeMap<String, String>) -> anyhow::Result<PathBuf> {
    let set = |name: &str| variables.get(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(home) = set("BALER_HOME") {
        return Ok(home);
    }
    if let Some(data) = set("XDG_DATA_HOME").filter(|path| path.is_absolute()) {
        return Ok(data.join("baler"));
    }
    match set("HOME") {
        Some(home) => Ok(home.join(".local/share/baler")),
        None => bail!("there is no place for the store: set BALER_HOME to a directory of yours"),
    }
}

fn identity() -> Identity {
    let uid = rustix::process::geteuid().as_raw();
    let gid = rustix::process::getegid().as_raw();
    let passwd = fs_err::read_to_string("/etc/passwd").unwrap_or_default();
    let name = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    };
    Identity { uid, gid, user_name: passwd.lines().find_map(name) }
}
