//! Orders: versions that were left out are filled in, and every element must be there.

use baler_cnb::order::{Group, ModuleReference};

/// Why an order does not fit the buildpacks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OrderError {
    #[error("no versions of buildpack '{id}' were found on the builder")]
    Absent { id: String },
    #[error("unable to resolve version: multiple versions of '{id}' - must specify an explicit version")]
    Ambiguous { id: String, versions: Vec<String> },
    #[error("buildpack '{id}' with version '{version}' was not found on the builder")]
    AbsentVersion { id: String, version: String, versions: Vec<String> },
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

impl Catalogue for super::modules::Modules {
    fn versions(&self, id: &str) -> Vec<String> {
        self.keys().filter(|(other, _)| other == id).map(|(_, version)| version.clone()).collect()
    }

    fn order(&self, id: &str, version: &str) -> &[Group] {
        let module = self.get(&(id.to_owned(), version.to_owned()));
        module.map_or(&[], |module| module.descriptor.order.as_slice())
    }
}

/// The same groups with all versions filled in. Nested orders are checked too, and must not contain themselves.
pub fn resolve(order: &[Group], catalogue: &dyn Catalogue) -> Result<Vec<Group>, OrderError> {
    let mut path = Vec::new();
    resolve_below(order, catalogue, &mut path)
}

fn resolve_below(order: &[Group], catalogue: &dyn Catalogue, path: &mut Vec<String>) -> Result<Vec<Group>, OrderError> {
    let mut resolved = Vec::new();
    for group in order {
        let mut modules = Vec::new();
        for module in &group.group {
            let module = resolve_version(module, catalogue)?;
            let name = module.full_name();
            let is_cyclic = path.contains(&name);
            path.push(name);
            if is_cyclic {
                return Err(OrderError::Cyclic { path: std::mem::take(path) });
            }
            resolve_below(catalogue.order(&module.id, &module.version), catalogue, path)?;
            path.pop();
            modules.push(module);
        }
        resolved.push(Group { group: modules });
    }
    Ok(resolved)
}

fn resolve_version(module: &ModuleReference, catalogue: &dyn Catalogue) -> Result<ModuleReference, OrderError> {
    let id = module.id.clone();
    let versions = catalogue.versions(&id);
    if versions.is_empty() {
        return Err(OrderError::Absent { id });
    }
    if module.version.is_empty() {
        let [version] = &versions[..] else { return Err(OrderError::Ambiguous { id, versions }) };
        return Ok(ModuleReference { version: version.clone(), ..module.clone() });
    }
    if !versions.contains(&module.version) {
        return Err(OrderError::AbsentVersion { id, version: module.version.clone(), versions });
    }
    Ok(module.clone())
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
        assert_eq!(resolve(&[group(&[("a", "")])], &table).unwrap(), [group(&[("a", "1")])]);
        let ambiguous = resolve(&[group(&[("b", "")])], &table).unwrap_err();
        assert!(matches!(ambiguous, OrderError::Ambiguous { .. }));
        let absent = resolve(&[group(&[("c", "")])], &table).unwrap_err();
        assert_eq!(absent.to_string(), "no versions of buildpack 'c' were found on the builder");
        let version = resolve(&[group(&[("a", "9")])], &table).unwrap_err();
        assert_eq!(version.to_string(), "buildpack 'a' with version '9' was not found on the builder");
    }

    #[test]
    fn names_a_cycle() {
        let table = table(&[("a", "1", vec![group(&[("b", "1")])]), ("b", "1", vec![group(&[("a", "1")])])]);
        let error = resolve(&[group(&[("a", "")])], &table).unwrap_err();
        assert_eq!(error.to_string(), "the order of composite buildpacks is cyclic: a@1 -> b@1 -> a@1");
    }

    #[test]
    fn checks_inside_composites() {
        let table = table(&[("a", "1", vec![group(&[("absent", "1")])])]);
        assert!(matches!(resolve(&[group(&[("a", "1")])], &table), Err(OrderError::Absent { .. })));
    }
}
