//! Expands an order into the groups of components that it stands for, one after the other.
//!
//! Buildpack specification, "Order Resolution". A composite stands for each of its own groups in turn; an optional one
//! also for none of them. The order of extensions goes before each group and behaves like an optional composite.
//! Groups are made when they are asked for: their number is the product of all alternatives.

use std::fmt;
use std::rc::Rc;

use baler_cnb::order::{Group, ModuleReference};

use super::error::{CycleError, DetectError};
use crate::module_store::ModuleKind;

/// Names one version of a module.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) kind: ModuleKind,
    pub(super) id: String,
    pub(super) version: String,
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}@{}", self.id, self.version)
    }
}

/// A component that takes part in a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) key: Key,
    pub(super) optional: bool,
}

/// A group of components.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) elements: Vec<Element>,
}

/// A place in a group that is not yet looked up.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) key: Key,
    pub(super) optional: bool,
    /// The execution environments that the order names for it.
    pub(super) exec_env: Vec<String>,
    /// The composites that it comes from, the outermost first.
    pub(super) composites: Rc<[String]>,
}

/// What a slot holds.
pub(super) enum Content {
    /// A module that is run.
    Component,
    /// A composite, with its order.
    Composite(Vec<Group>),
    /// A module that has no part in this execution environment.
    NotEligible,
}

/// What is left of a group on the way to a candidate.
#[derive(Clone)]
struct Partial {
    chosen: Vec<Element>,
    /// In reverse: the next one is last.
    rest: Vec<Step>,
}

#[derive(Clone)]
enum Step {
    Slot(Slot),
    /// The order of extensions.
    Extensions(Rc<[Group]>),
}

/// The candidates of an order.
pub(super) struct Candidates {
    /// Those not yet looked into; the next one is last.
    waiting: Vec<Partial>,
}

impl Candidates {
    /// The candidates of `order`, each with the alternatives of `extension_order` before it.
    pub(super) fn new(order: &[Group], extension_order: &[Group]) -> Self {
        let outside: Rc<[String]> = Rc::from([]);
        let start = |group: &Group| {
            let mut rest = steps(group, ModuleKind::Buildpack, &outside);
            if !extension_order.is_empty() {
                rest.push(Step::Extensions(extension_order.into()));
            }
            Partial { chosen: Vec::new(), rest }
        };
        Self { waiting: order.iter().rev().map(start).collect() }
    }

    /// The next candidate. `look_up` says what a slot holds.
    pub(super) fn next(
        &mut self,
        look_up: &mut dyn FnMut(&Slot) -> Result<Content, DetectError>,
    ) -> Result<Option<Candidate>, DetectError> {
        while let Some(mut partial) = self.waiting.pop() {
            let Some(step) = partial.rest.pop() else {
                return Ok(Some(Candidate { elements: partial.chosen }));
            };
            match step {
                Step::Extensions(order) => {
                    let outside: Rc<[String]> = Rc::from([]);
                    self.branch(&partial, &order, ModuleKind::Extension, &outside, true);
                }
                Step::Slot(slot) => self.fill(partial, slot, look_up)?,
            }
        }
        Ok(None)
    }

    fn fill(
        &mut self,
        mut partial: Partial,
        slot: Slot,
        look_up: &mut dyn FnMut(&Slot) -> Result<Content, DetectError>,
    ) -> Result<(), DetectError> {
        let Slot { ref key, optional, ref composites, .. } = slot;
        let is_chosen = |element: &Element| element.key.kind == key.kind && element.key.id == key.id;
        if partial.chosen.iter().any(is_chosen) {
            // The first version in a group wins.
            self.waiting.push(partial);
            return Ok(());
        }
        match look_up(&slot)? {
            Content::NotEligible => self.waiting.push(partial),
            Content::Component => {
                partial.chosen.push(Element { key: slot.key, optional });
                self.waiting.push(partial);
            }
            Content::Composite(order) => {
                let inside = enter(composites, key)?;
                self.branch(&partial, &order, ModuleKind::Buildpack, &inside, optional);
            }
        }
        Ok(())
    }

    /// Goes on with each group of `order` before the rest of `partial`; at last, where it is optional, without.
    fn branch(
        &mut self,
        partial: &Partial,
        order: &[Group],
        kind: ModuleKind,
        composites: &Rc<[String]>,
        optional: bool,
    ) {
        if optional {
            self.waiting.push(partial.clone());
        }
        for group in order.iter().rev() {
            let mut branch = partial.clone();
            branch.rest.extend(steps(group, kind, composites));
            self.waiting.push(branch);
        }
    }
}

fn steps(group: &Group, kind: ModuleKind, composites: &Rc<[String]>) -> Vec<Step> {
    let slot = |ModuleReference { id, version, optional, exec_env }: &ModuleReference| {
        let key = Key { kind, id: id.clone(), version: version.clone() };
        // A group never needs an extension.
        let optional = *optional || kind == ModuleKind::Extension;
        Step::Slot(Slot { key, optional, exec_env: exec_env.clone(), composites: Rc::clone(composites) })
    };
    group.group.iter().rev().map(slot).collect()
}

/// The composites around the elements of the composite `key`.
fn enter(composites: &[String], key: &Key) -> Result<Rc<[String]>, CycleError> {
    let name = key.to_string();
    let mut inside = composites.to_vec();
    let first = inside.iter().position(|outer| *outer == name);
    inside.push(name);
    match first {
        Some(first) => Err(CycleError(inside.split_off(first))),
        None => Ok(inside.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `a@1 b?`: a group in short; the version is 1 unless given.
    fn group(text: &str) -> Group {
        let element = |word: &str| {
            let optional = word.ends_with('?');
            let word = word.trim_end_matches('?');
            let (id, version) = word.split_once('@').unwrap_or((word, "1"));
            ModuleReference { id: id.into(), version: version.into(), optional, ..Default::default() }
        };
        Group { group: text.split_whitespace().map(element).collect() }
    }

    fn order(groups: &[&str]) -> Vec<Group> {
        groups.iter().map(|text| group(text)).collect()
    }

    fn short(candidate: &Candidate) -> String {
        let word = |element: &Element| {
            let prefix = if element.key.kind == ModuleKind::Extension { "+" } else { "" };
            let version = if element.key.version == "1" { String::new() } else { format!("@{}", element.key.version) };
            format!("{prefix}{}{version}{}", element.key.id, if element.optional { "?" } else { "" })
        };
        candidate.elements.iter().map(word).collect::<Vec<_>>().join(" ")
    }

    fn expand(
        groups: &[&str],
        extensions: &[&str],
        composites: &[(&str, &[&str])],
    ) -> Result<Vec<String>, DetectError> {
        let mut candidates = Candidates::new(&order(groups), &order(extensions));
        let mut found = Vec::new();
        let mut look_up = |slot: &Slot| {
            if slot.key.id == "elsewhere" {
                return Ok(Content::NotEligible);
            }
            let composite = composites.iter().find(|(name, _)| *name == slot.key.id);
            Ok(composite.map_or(Content::Component, |(_, groups)| Content::Composite(order(groups))))
        };
        while let Some(candidate) = candidates.next(&mut look_up)? {
            found.push(short(&candidate));
        }
        Ok(found)
    }

    #[test]
    fn orders_expand_left_to_right() {
        type Case<'a> = (&'a [&'a str], &'a [(&'a str, &'a [&'a str])], &'a [&'a str]);
        let cases: [Case<'_>; 9] = [
            (&["a b", "a b? c"], &[], &["a b", "a b? c"]),
            (&[], &[], &[]),
            (&[""], &[], &[""]),
            (&["a a@2 b"], &[], &["a b"]),
            (&["m c"], &[("m", &["a", "b?"])], &["a c", "b? c"]),
            (&["a m? c"], &[("m", &["b"])], &["a b c", "a c"]),
            (&["a@2 m"], &[("m", &["a b"])], &["a@2 b"]),
            (&["m n"], &[("m", &["a", "b"]), ("n", &["c", "d"])], &["a c", "a d", "b c", "b d"]),
            (&["m d"], &[("m", &["a n", "n"]), ("n", &["b", "c"])], &["a b d", "a c d", "b d", "c d"]),
        ];
        for (groups, composites, expected) in cases {
            assert_eq!(expand(groups, &[], composites).unwrap(), expected, "{groups:?}");
        }
    }

    #[test]
    fn extensions_go_before_each_group_and_are_optional() {
        assert_eq!(expand(&["a"], &["x y", "z"], &[]).unwrap(), ["+x? +y? a", "+z? a", "a"]);
        assert_eq!(expand(&["x"], &["x"], &[]).unwrap(), ["+x? x", "x"]);
    }

    #[test]
    fn a_module_for_another_environment_is_left_out() {
        assert_eq!(expand(&["a elsewhere b"], &[], &[]).unwrap(), ["a b"]);
    }

    #[test]
    fn a_composite_in_itself_is_refused() {
        type Composites<'a> = &'a [(&'a str, &'a [&'a str])];
        let cases: [(Composites<'_>, &str); 2] = [
            (&[("m", &["a m"])], "m@1 -> m@1"),
            (&[("m", &["n"]), ("n", &["o"]), ("o", &["a n"])], "n@1 -> o@1 -> n@1"),
        ];
        for (composites, cycle) in cases {
            let error = expand(&["m"], &[], composites).unwrap_err();
            let expected = format!("the order of a composite buildpack leads back to itself: {cycle}");
            assert_eq!(error.to_string(), expected);
        }
        assert_eq!(expand(&["m m"], &[], &[("m", &["a"])]).unwrap(), ["a"], "twice is no cycle");
    }

    #[test]
    fn expansion_is_lazy() {
        let composites: Vec<(String, Vec<Group>)> =
            (0..40).map(|at| (format!("m{at}"), order(&[&format!("a{at}"), &format!("b{at}")]))).collect();
        let names: Vec<_> = composites.iter().map(|(name, _)| name.as_str()).collect();
        let mut candidates = Candidates::new(&order(&[&names.join(" ")]), &[]);
        let mut look_up = |slot: &Slot| {
            let composite = composites.iter().find(|(name, _)| *name == slot.key.id);
            Ok(composite.map_or(Content::Component, |(_, order)| Content::Composite(order.clone())))
        };
        let first = candidates.next(&mut look_up).unwrap().unwrap();
        assert_eq!(first.elements.len(), 40);
    }
}
