//! `baler builder suggest`: builders that vendors offer (platform-behaviour 2.3, 5.5).

use std::process::ExitCode;

use super::format::table;
use crate::host;
use crate::output::Console;

/// Vendors, and names of builders. No registry is asked: what a builder holds, `builder inspect` shows.
const SUGGESTED: [(&str, &str); 10] = [
    ("Google", "gcr.io/buildpacks/builder:google-22"),
    ("Heroku", "heroku/builder:24"),
    ("Paketo Buildpacks", "paketobuildpacks/builder-jammy-base"),
    ("Paketo Buildpacks", "paketobuildpacks/builder-jammy-buildpackless-static"),
    ("Paketo Buildpacks", "paketobuildpacks/builder-jammy-full"),
    ("Paketo Buildpacks", "paketobuildpacks/builder-jammy-tiny"),
    ("Paketo Buildpacks", "paketobuildpacks/builder-ubi8-base"),
    ("Paketo Buildpacks", "paketobuildpacks/ubi-10-builder"),
    ("Paketo Buildpacks", "paketobuildpacks/ubi-9-builder"),
    ("Paketo Buildpacks", "paketobuildpacks/ubuntu-noble-builder"),
];

pub(crate) fn run(console: &Console) -> ExitCode {
    let program = host::called();
    let rows: Vec<Vec<String>> =
        SUGGESTED.iter().map(|(vendor, builder)| vec![format!("  {vendor}:"), format!("'{builder}'")]).collect();
    console.result("Suggested builders:");
    for line in table(&rows) {
        console.result(&line);
    }
    console.result("");
    console.result("Tip: Learn more about a specific builder with:");
    console.result(&format!("  {program} builder inspect <builder-image>"));
    ExitCode::SUCCESS
}
