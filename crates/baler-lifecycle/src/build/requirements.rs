//! Which dependencies a buildpack has taken on: all it was asked for but those in `[[unmet]]` of build.toml.

use std::collections::BTreeSet;
use std::path::Path;

use baler_cnb::build::Unmet;
use baler_cnb::plan::BuildpackPlan;

use super::error::BuildpackOutputError;

/// The dependencies of `plan` that are met, by name. `path` is that of build.toml.
pub(super) fn met(plan: &BuildpackPlan, unmet: &[Unmet], path: &Path) -> Result<Vec<String>, BuildpackOutputError> {
    let mut names: BTreeSet<&str> = plan.entries.iter().map(|entry| entry.name.as_str()).collect();
    for Unmet { name } in unmet {
        if name.is_empty() {
            return Err(BuildpackOutputError::UnmetWithoutName(path.to_owned()));
        }
        if !plan.entries.iter().any(|entry| entry.name == *name) {
            return Err(BuildpackOutputError::UnmetUnknown { path: path.to_owned(), name: name.clone() });
        }
        names.remove(name.as_str());
    }
    Ok(names.into_iter().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use baler_cnb::plan::Require;

    fn met_of(asked: &[&str], unmet: &[&str]) -> Result<Vec<String>, BuildpackOutputError> {
        let entry = |name: &&str| Require { name: (*name).into(), ..Default::default() };
        let plan = BuildpackPlan { entries: asked.iter().map(entry).collect() };
        let unmet: Vec<_> = unmet.iter().map(|name| Unmet { name: (*name).into() }).collect();
        met(&plan, &unmet, Path::new("build.toml"))
    }

    #[test]
    fn everything_is_met_unless_it_is_named() {
        assert_eq!(met_of(&["a", "b", "a"], &[]).unwrap(), ["a", "b"]);
        assert_eq!(met_of(&["a", "b", "a"], &["a"]).unwrap(), ["b"]);
        assert_eq!(met_of(&[], &[]).unwrap(), [""; 0]);
    }

    #[test]
    fn only_what_was_asked_for_can_be_unmet() {
        let error = met_of(&["a"], &["b"]).unwrap_err().to_string();
        assert_eq!(error, "build.toml: unmet.name 'b' must match a requested dependency");
        assert_eq!(met_of(&["a"], &[""]).unwrap_err().to_string(), "build.toml: unmet.name is required");
    }
}
