//! What every command works with. The command line fills it from the process; nothing below reads the environment.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use baler_sandbox::{HostIds, Identity, SandboxProgram};
use baler_store::Store;

use crate::interrupt::Interrupt;
use crate::output::Output;
use crate::places::{Places, PullPolicy};

/// The surroundings of a command.
pub struct Context<'a> {
    pub store: &'a Store,
    pub output: &'a dyn Output,
    pub interrupt: Interrupt,
    /// Where images are, and what was found there.
    pub places: Places,
    /// When registries are asked.
    pub pull_policy: PullPolicy,
    /// Who runs the program, and which ids the host gives it.
    pub caller: Identity,
    pub host_ids: HostIds,
    /// The program that is started again as sandbox helper and as lifecycle.
    pub program: SandboxProgram,
    /// Its file, for the lifecycle in builders and sandboxes.
    pub program_file: PathBuf,
    /// The launcher for an architecture, if this program has it.
    pub launchers: fn(&str) -> Option<&'static [u8]>,
    /// The environment of the process.
    pub variables: BTreeMap<String, String>,
    /// How many threads compress and unpack.
    pub threads: NonZeroUsize,
}

impl Context<'_> {
    /// A variable of the process that is set and not empty.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}
