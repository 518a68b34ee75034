//! How long it takes to open a store, which checks it and removes what killed processes left, and to list its images.
//!
//!     cargo run --release -p baler-store --example open_time -- STORE
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a tool for developers")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use baler_sandbox::SandboxProgram;
use baler_store::Store;

const RUNS: usize = 200;

fn main() {
    let root = PathBuf::from(std::env::args_os().nth(1).expect("the store is named"));
    let mut opened = Vec::new();
    let mut listed = Vec::new();
    let mut count = 0;
    for _ in 0..RUNS {
        let start = Instant::now();
        let store = Store::open(&root, SandboxProgram::current()).unwrap();
        opened.push(start.elapsed());
        let start = Instant::now();
        count = store.images().unwrap().len();
        listed.push(start.elapsed());
    }
    println!("{count} images: {} to open, {} to list", figures(opened), figures(listed));
}

/// Lowest and median.
fn figures(mut times: Vec<Duration>) -> String {
    times.sort();
    format!("{:.2?} ({:.2?})", times[0], times[times.len() / 2])
}
