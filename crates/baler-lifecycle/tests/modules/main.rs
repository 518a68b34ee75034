//! Component tests of detect and build: real buildpacks, in shell, and the programs of these phases.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests are tests")]

mod bad_input;
mod build;
mod built;
mod damage;
mod detect;
mod generate;
mod handover;
mod layouts;
mod programs;
mod registries;
mod requests;
mod signals;
mod support;
