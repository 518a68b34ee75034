//! The phases as programs of a lifecycle.

use std::os::unix::fs::symlink;

use super::program::{Outcome, Place};
use super::spawn::outcome;

/// What belongs to a phase that root starts, which becomes this user.
const USER: [&str; 4] = ["-uid", "1000", "-gid", "1000"];

/// Runs a phase in `place`, whose directories are below it.
pub fn phase(place: &Place, program: &str, arguments: &[&str], variables: &[(&str, String)]) -> Outcome {
    let path = place.path().join(program);
    if !path.exists() {
        symlink("baler", &path).unwrap();
    }
    let command = place.command(arguments);
    let user = place.user.command(&path);
    let mut own = std::process::Command::new(user.get_program());
    own.args(user.get_args()).args(if rustix::process::geteuid().is_root() { &USER[..] } else { &[] }).args(arguments);
    own.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?)))).current_dir(place.path());
    own.env("CNB_PLATFORM_API", "0.13").env("CNB_UID", "1000");
    outcome(own.envs(variables.iter().map(|(name, value)| (*name, value))))
}
