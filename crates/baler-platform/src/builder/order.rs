//! Orders: versions that were left out are filled in, and every element must be there.

use baler_cnb::order::{Group, ModuleReference};

use crate::modules::{ModuleKind, Modules};

/// Why an order does not fit the buildpacks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OrderError {
    #[error("no versions of {kind} '{id}' were found on the builder")]
    Absent { kind: ModuleKind, id: String },
    #[error("unable to resolve version: multiple versions of '{id}' - must specify an explicit version")]
    Ambiguous { id: String, versions: Vec<String> },
    #[error("{kind} '{id}' with version '{version}' was not found on the builder")]
    AbsentVersion { kind: ModuleKind, id: String, version: String, versions: Vec<String> },
    #[error("the order of composite buildpacks is cyclic: {}", path.join(" -> "))]
    Cyclic { path: Vec<String> },
}

/// What an order is checked against: all id-and-version pairs, with the order of those that are composites.
pub trait Catalogue {
    /// The versions of a buildpack that are there.
    fn versions(&self, id: &str) -> Vec<String>;

    /// The order of a composite; empty for a component.
    fn order(&self, id: &str, version: &str) -> &[Group];
}

impl Catalogue for Modules {
    fn versions(&self, id: &str) -> Vec<String> {
        self.keys().filter(|(other, _)| other == id).map(|(_, version)| version.clone()).collect()
    }

    fn order(&self, id: &str, version: &str) -> &[Group] {
        let module = self.get(&(id.to_owned(), version.to_owned()));
        module.map_or(&[], |module| module.description.order.as_slice())
    }
}

/// The same groups with all versions filled in. Nested orders are checked too, and must not contain themselves.
pub fn resolve(order: &[Group], catalogue: &dyn Catalogue, kind: ModuleKind) -> Result<Vec<Group>, OrderError> {
    Resolution { catalogue, kind }.below(order, &mut Vec::new())
}

struct Resolution<'a> {
    catalogue: &'a dyn Catalogue,
    kind: ModuleKind,
}

impl Resolution<'_> {
    fn below(&self, order: &[Group], path: &mut Vec<String>) -> Result<Vec<Group>, OrderError> {
        let mut resolved = Vec::new();
        for group in order {
            let mut modules = Vec::new();
            for module in &group.group {
                let module = self.version(module)?;
                let name = module.full_name();
                let is_cyclic = path.contains(&name);
                path.push(name);
                if is_cyclic {
                    return Err(OrderError::Cyclic { path: std::mem::take(path) });
                }
                self.below(self.catalogue.order(&module.id, &module.version), path)?;
                path.pop();
                modules.push(module);
            }
            resolved.push(Group { group: modules });
        }
        Ok(resolved)
    }

    fn version(&self, module: &ModuleReference) -> Result<ModuleReference, OrderError> {
        let (kind, id) = (self.kind, module.id.clone());
        let versions = self.catalogue.versions(&id);
        if versions.is_empty() {
            return Err(OrderError::Absent { kind, id });
        }
        if module.version.is_empty() {
            let [version] = &versions[..] else { return Err(OrderError::Ambiguous { id, versions }) };
            return Ok(ModuleReference { version: version.clone(), ..module.clone() });
        }
        if !versions.contains(&module.version) {
            return Err(OrderError::AbsentVersion { kind, id, version: module.version.clone(), versions });
        }
        Ok(module.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    struct Table(BTreeMap<(String, String), Vec<Group>>);

    impl Catalogue for Table {
        fn versions(&self, id: &str) -> Vec<String> {
            self.0.keys().filter(|(other, _)| other == id).map(|(_, version)| version.clone()).collect()
        }

        fn order(&self, id: &str, version: &str) -> &[Group] {
            self.0.get(&(id.to_owned(), version.to_owned())).map_or(&[], Vec::as_slice)
        }
    }

    fn group(modules: &[(&str, &str)]) -> Group {
        let reference = |(id, version): &(&str, &str)| ModuleReference {
            id: (*id).to_owned(),
            version: (*version).to_owned(),
            ..Default::default()
        };
        Group { group: modules.iter().map(reference).collect() }
    }

    fn table(entries: &[(&str, &str, Vec<Group>)]) -> Table {
        let entry = |(id, version, order): &(&str, &str, Vec<Group>)| {
            (((*id).to_owned(), (*version).to_owned()), order.clone())
        };
        Table(entries.iter().map(entry).collect())
    }

    #[test]
    fn fills_in_the_only_version() {
        let table = table(&[("a", "1", vec![]), ("b", "1", vec![]), ("b", "2", vec![])]);
        assert_eq!(resolve(&[group(&[("a", "")])], &table, ModuleKind::Buildpack).unwrap(), [group(&[("a", "1")])]);
        let ambiguous = resolve(&[group(&[("b", "")])], &table, ModuleKind::Buildpack).unwrap_err();
        assert!(matches!(ambiguous, OrderError::Ambiguous { .. }));
        let absent = resolve(&[group(&[("c", "")])], &table, ModuleKind::Buildpack).unwrap_err();
        assert_eq!(absent.to_string(), "no versions of buildpack 'c' were found on the builder");
        let version = resolve(&[group(&[("a", "9")])], &table, ModuleKind::Buildpack).unwrap_err();
        assert_eq!(version.to_string(), "buildpack 'a' with version '9' was not found on the builder");
    }

    #[test]
    fn names_a_cycle() {
        let table = table(&[("a", "1", vec![group(&[("b", "1")])]), ("b", "1", vec![group(&[("a", "1")])])]);
        let error = resolve(&[group(&[("a", "")])], &table, ModuleKind::Buildpack).unwrap_err();
        assert_eq!(error.to_string(), "the order of composite buildpacks is cyclic: a@1 -> b@1 -> a@1");
    }

    #[test]
    fn checks_inside_composites() {
        let table = table(&[("a", "1", vec![group(&[("absent", "1")])])]);
        assert!(matches!(
            resolve(&[group(&[("a", "1")])], &table, ModuleKind::Buildpack),
            Err(OrderError::Absent { .. })
        ));
    }
}
