//! The build plan in its three forms: what `bin/detect` writes, plan.toml, and what `bin/build` reads.
//!
//! Buildpack specification, "Build Plan (TOML)" and "Buildpack Plan (TOML)"; Platform specification, "plan.toml (TOML)".

use serde::{Deserialize, Serialize};

/// What a module's `bin/detect` wrote: its plan and the alternatives to it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct BuildPlan {
    /// `[[provides]]`.
    pub provides: Vec<Provide>,
    /// `[[requires]]`.
    pub requires: Vec<Require>,
    /// `[[or]]`: tried in order when the plan before cannot be satisfied.
    pub or: Vec<PlanSections>,
}

/// One alternative of a build plan.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct PlanSections {
    /// `[[or.provides]]`.
    pub provides: Vec<Provide>,
    /// `[[or.requires]]`.
    pub requires: Vec<Require>,
}

impl BuildPlan {
    /// The plan and its alternatives, in the order in which they are tried; at least one.
    pub fn alternatives(&self) -> Vec<PlanSections> {
        let first = PlanSections { provides: self.provides.clone(), requires: self.requires.clone() };
        std::iter::once(first).chain(self.or.iter().cloned()).collect()
    }

    /// The first required dependency with a `version` key beside its name, which Buildpack APIs ≥ 0.3 forbid.
    pub fn misplaced_version(&self) -> Option<&str> {
        let alternatives = self.or.iter().flat_map(|or| &or.requires);
        self.requires.iter().chain(alternatives).find(|r| r.version.is_some()).map(|r| r.name.as_str())
    }

    /// Whether it or an alternative requires anything, which an extension may not.
    pub fn has_requires(&self) -> bool {
        !self.requires.is_empty() || self.or.iter().any(|or| !or.requires.is_empty())
    }
}

/// A dependency that a module provides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Provide {
    /// The dependency.
    pub name: String,
}

/// A dependency that a module requires; also an entry of the plan for `bin/build`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Require {
    /// The dependency.
    pub name: String,
    /// Read only to be refused.
    #[serde(skip_serializing)]
    pub version: Option<toml::Value>,
    /// `[requires.metadata]`: between the two buildpacks.
    #[serde(skip_serializing_if = "toml::Table::is_empty")]
    pub metadata: toml::Table,
}

/// plan.toml: who provides what to whom.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PlanFile {
    /// One entry for each dependency, sorted by name. None is written as an empty file.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<PlanEntry>,
}

/// One dependency of plan.toml.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PlanEntry {
    /// `[[entries.providers]]`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub providers: Vec<Provider>,
    /// `[[entries.requires]]`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<Require>,
}

/// A module that offered to provide a dependency.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Provider {
    /// The module's id.
    pub id: String,
    /// The module's version.
    pub version: String,
    /// It is an extension.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub extension: bool,
}

impl PlanFile {
    /// The requirements that the module `id` may satisfy, in the plan's order.
    pub fn requirements_for(&self, id: &str, extension: bool) -> BuildpackPlan {
        let offered = |entry: &&PlanEntry| entry.is_provided_by(id, extension);
        let entries = self.entries.iter().filter(offered).flat_map(|entry| entry.requires.iter().cloned());
        BuildpackPlan { entries: entries.collect() }
    }

    /// The plan without the entries of the dependencies in `names`.
    #[must_use]
    pub fn without(&self, names: &[String]) -> Self {
        let is_met = |entry: &PlanEntry| entry.requires.first().is_some_and(|require| names.contains(&require.name));
        Self { entries: self.entries.iter().filter(|entry| !is_met(entry)).cloned().collect() }
    }
}

impl PlanEntry {
    fn is_provided_by(&self, id: &str, extension: bool) -> bool {
        self.providers.iter().any(|provider| provider.id == id && provider.extension == extension)
    }
}

/// The plan that `bin/build` reads: the requirements that it may satisfy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BuildpackPlan {
    /// `[[entries]]`: name and metadata.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<Require>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: &str = "[[entries]]\n\n[[entries.providers]]\nid = \"a\"\nversion = \"1\"\n\n[[entries.requires]]\nname = \"tool\"\n\n\
                        [entries.requires.metadata]\ncount = 3\n\n[[entries.requires]]\nname = \"tool\"\n";

    #[test]
    fn alternatives_begin_with_the_plan_itself() {
        let plan: BuildPlan =
            toml::from_str("[[provides]]\nname = \"x\"\n[[or]]\n[[or.requires]]\nname = \"y\"\n[[or]]\n").unwrap();
        let alternatives = plan.alternatives();
        assert_eq!(alternatives.len(), 3);
        assert_eq!(alternatives[0].provides[0].name, "x");
        assert_eq!(alternatives[1].requires[0].name, "y");
        assert!(plan.has_requires());
        assert_eq!(BuildPlan::default().alternatives(), [PlanSections::default()]);
    }

    #[test]
    fn a_version_beside_the_name_is_found() {
        let plan: BuildPlan = toml::from_str("[[or]]\n[[or.requires]]\nname = \"y\"\nversion = \"1\"\n").unwrap();
        assert_eq!(plan.misplaced_version(), Some("y"));
        let plan: BuildPlan =
            toml::from_str("[[requires]]\nname = \"y\"\n[requires.metadata]\nversion = \"1\"\n").unwrap();
        assert_eq!(plan.misplaced_version(), None);
    }

    #[test]
    fn a_plan_survives_reading_and_writing() {
        let plan: PlanFile = toml::from_str(PLAN).unwrap();
        assert_eq!(toml::to_string(&plan).unwrap(), PLAN);
        assert_eq!(toml::to_string(&PlanFile::default()).unwrap(), "");
    }

    #[test]
    fn a_buildpack_is_given_what_it_provides() {
        let plan: PlanFile = toml::from_str(PLAN).unwrap();
        assert_eq!(plan.requirements_for("a", false).entries.len(), 2);
        assert_eq!(plan.requirements_for("a", true).entries.len(), 0);
        assert_eq!(plan.requirements_for("b", false).entries.len(), 0);
        assert_eq!(plan.without(&["tool".into()]), PlanFile::default());
        assert_eq!(plan.without(&["other".into()]), plan);
    }
}
