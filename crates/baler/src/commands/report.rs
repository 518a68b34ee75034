//! `baler report`: what to send along with a question (platform-behaviour 5.6).

use std::process::ExitCode;

use baler_cnb::labels::LifecycleDescription;
use baler_image::Platform;

use super::{config, version};
use crate::config::Config;
use crate::host;
use crate::output::Console;

/// Keys whose values are the user's own business.
const PRIVATE: [&str; 5] = ["default-builder-image", "image", "mirrors", "name", "url"];

pub(crate) fn run(is_explicit: bool, console: &Console) -> anyhow::Result<ExitCode> {
    let lifecycle = LifecycleDescription::own();
    console.result(if host::is_called_pack() { "Pack:" } else { "Baler:" });
    console.result(&format!("  Version:  {}", version::text()));
    console.result(&format!("  OS/Arch:  {}", Platform::host()));
    console.result("");
    console.result(&format!("Default Lifecycle Version:  {}", lifecycle.version));
    console.result("");
    console.result(&format!("Supported Platform APIs:  {}", lifecycle.apis.platform.supported.join(", ")));
    console.result("");
    console.result("Config:");
    let mut sources = Config::sources(&host::variables())?;
    sources.retain(|source| source.path.is_file());
    if sources.is_empty() {
        console.result(&format!("  (no config file found at {})", config::path()?.display()));
    }
    for source in sources {
        console.result(&format!("  # {}", source.path.display()));
        for line in fs_err::read_to_string(&source.path)?.lines() {
            let line = if is_explicit { line.to_owned() } else { redacted(line) };
            console.result(format!("  {line}").trim_end());
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A line of the configuration without what its quotes have, where that is nobody else's business.
fn redacted(line: &str) -> String {
    if !PRIVATE.iter().any(|key| line.trim_start().starts_with(key)) {
        return line.to_owned();
    }
    let part = |(index, part): (usize, &str)| if index % 2 == 0 { part.to_owned() } else { "[REDACTED]".to_owned() };
    line.split('"').enumerate().map(part).collect::<Vec<_>>().join("\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_left_out() {
        assert_eq!(redacted("pull-policy = \"always\""), "pull-policy = \"always\"");
        assert_eq!(redacted("default-builder-image = \"mine\""), "default-builder-image = \"[REDACTED]\"");
        assert_eq!(redacted("  mirrors = [\"a\", \"b\"]"), "  mirrors = [\"[REDACTED]\", \"[REDACTED]\"]");
    }
}
