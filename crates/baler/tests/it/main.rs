//! The program, from the outside: `baler` as its users start it, with real buildpacks, in real sandboxes.
//!
//! Each test says `SKIP: …` and passes where what it needs is not there; `./test` sees to it that everything is.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test does")]
#![expect(clippy::disallowed_methods, reason = "tests name their paths when they fail")]
#![expect(unreachable_pub, reason = "a test binary has no users")]
#![expect(clippy::print_stderr, reason = "tests say what they skip")]

mod bad_input;
mod bad_store;
mod build;
mod builder;
mod config;
mod credentials;
mod daemon;
mod doctor;
mod ended;
mod extensions;
mod faults;
mod found_first;
mod growing;
mod images;
mod in_place;
mod inspected_modules;
mod isolation;
mod killed;
mod launch_cache;
mod launch_rules;
mod lifecycle_release;
mod login;
mod misbehaviour;
mod modules;
mod naming;
mod new_buildpack;
mod older_names;
mod packages;
mod packaging;
mod phase_programs;
mod progress;
mod project;
mod prune;
mod publish;
mod rebase;
mod records;
mod refused;
mod registry;
mod reproducible;
mod run;
mod slices;
mod support;
mod system_buildpacks;
mod targets;
mod together;
mod transfer;
mod trees;
mod unfinished;
mod workspace;
