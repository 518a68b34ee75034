//! Where detect and build run: in a sandbox, or in place, in the image that Baler was started in.

use baler_sandbox::IdMap;

use super::in_place;
use crate::context::Context;
use crate::trial::{BUILD_USER, Trial};

/// What was asked for: `--executor`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExecutorChoice {
    /// In place where this is a builder that cannot make sandboxes, as in a container of a CI job; else in a sandbox.
    #[default]
    Automatic,
    Sandbox,
    InPlace,
}

/// Where detect and build run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Executor {
    #[default]
    Sandbox,
    InPlace,
}

impl Executor {
    /// Decides. A sandbox is tried out only where there is a choice.
    pub fn choose(context: &Context<'_>, choice: ExecutorChoice) -> Self {
        match choice {
            ExecutorChoice::InPlace => Self::InPlace,
            ExecutorChoice::Automatic if in_place::is_builder(&context.variables) && !can_make_sandboxes(context) => {
                Self::InPlace
            }
            ExecutorChoice::Sandbox | ExecutorChoice::Automatic => Self::Sandbox,
        }
    }
}

fn can_make_sandboxes(context: &Context<'_>) -> bool {
    let id_map = IdMap::choose(&context.caller, BUILD_USER, &context.host_ids);
    match Trial::run(&context.program, &id_map, context.store) {
        // Without a place nothing works, and the build says why.
        Trial::Worked | Trial::NoPlace(_) => true,
        Trial::Failed(_) => false,
    }
}
