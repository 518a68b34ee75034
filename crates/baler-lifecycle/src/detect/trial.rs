//! Plan trials: whether the build plans of a group's modules fit together, and who is left out so that they do.
//!
//! Buildpack specification, "Build Plan". A provision must come before the requirement it meets, in the order of the
//! group; every requirement must be met and every provision be used. Pure: plans in, a choice out.

use std::collections::{BTreeMap, BTreeSet};

use baler_cnb::plan::{BuildPlan, PlanEntry, PlanFile, PlanSections, Provider, Require};

use super::candidates::{Element, Key};
use super::messages::Messages;
use crate::module_store::ModuleKind;

/// A module whose `bin/detect` passed, and its plan.
pub(super) struct Offer<'a> {
    pub(super) element: &'a Element,
    pub(super) plan: &'a BuildPlan,
}

/// Modules whose plans fit together.
#[derive(Debug, PartialEq)]
pub(super) struct Fit {
    pub(super) group: Vec<Key>,
    pub(super) plan: PlanFile,
}

/// One module in a trial, with one of its alternatives.
#[derive(Clone)]
struct Choice<'a> {
    key: &'a Key,
    optional: bool,
    sections: PlanSections,
}

/// Tries the combinations of alternatives until one fits; those of earlier modules change slowest.
pub(super) fn first_fit(offers: &[Offer<'_>], messages: &mut Messages) -> Option<Fit> {
    let choices: Vec<Vec<Choice<'_>>> = offers.iter().map(choices).collect();
    let mut counter = vec![0; choices.len()];
    for number in 1.. {
        let trial = choices.iter().zip(&counter).map(|(choices, at)| choices[*at].clone()).collect();
        messages.debug(format!("Resolving plan... (try #{number})"));
        if let Some(fit) = settle(trial, messages) {
            return Some(fit);
        }
        if !advance(&mut counter, &choices) {
            break;
        }
    }
    None
}

fn choices<'a>(offer: &Offer<'a>) -> Vec<Choice<'a>> {
    let alternatives = offer.plan.alternatives();
    let last = alternatives.len() - 1;
    // What is optional may be left out only after all it has to offer was tried.
    let Element { key, optional } = offer.element;
    let choice = |(at, sections)| Choice { key, optional: *optional && at == last, sections };
    alternatives.into_iter().enumerate().map(choice).collect()
}

/// Goes to the next combination, like a counter whose last digit changes fastest.
fn advance(counter: &mut [usize], choices: &[Vec<Choice<'_>>]) -> bool {
    for (digit, choices) in counter.iter_mut().zip(choices).rev() {
        *digit += 1;
        if *digit < choices.len() {
            return true;
        }
        *digit = 0;
    }
    false
}

/// Leaves out optional modules until the plans fit; `None` when a required one stands in the way.
fn settle(mut trial: Vec<Choice<'_>>, messages: &mut Messages) -> Option<Fit> {
    loop {
        let dependencies = dependencies(&trial);
        let misfits = misfits(&dependencies);
        if misfits.is_empty() {
            return finish(&trial, dependencies, messages);
        }
        let mut left_out = BTreeSet::new();
        for (at, problem) in misfits {
            let Choice { key, optional, .. } = &trial[at];
            messages.debug(format!("{}: {key} {problem}", if *optional { "skip" } else { "fail" }));
            if !optional {
                return None;
            }
            left_out.insert(at);
        }
        let remains = |(at, _): &(usize, Choice<'_>)| !left_out.contains(at);
        trial = trial.into_iter().enumerate().filter(remains).map(|(_, choice)| choice).collect();
    }
}

fn finish(trial: &[Choice<'_>], dependencies: BTreeMap<&str, Dependency<'_>>, messages: &mut Messages) -> Option<Fit> {
    if trial.is_empty() {
        messages.debug("fail: no viable buildpacks in group");
        return None;
    }
    let provider = |at: usize| {
        let Key { kind, id, version } = trial[at].key;
        Provider { id: id.clone(), version: version.clone(), extension: *kind == ModuleKind::Extension }
    };
    let entry = |dependency: Dependency<'_>| PlanEntry {
        providers: dependency.providers.into_iter().map(provider).collect(),
        requires: dependency.requires.into_iter().cloned().collect(),
    };
    let entries = dependencies.into_values().map(entry).collect();
    Some(Fit { group: trial.iter().map(|choice| choice.key.clone()).collect(), plan: PlanFile { entries } })
}

/// Who provides and requires one dependency; modules by their place in the trial.
#[derive(Default)]
struct Dependency<'a> {
    /// Those that provided it before a requirement.
    providers: Vec<usize>,
    requires: Vec<&'a Require>,
    /// Those that provided it after the last requirement.
    unused: Vec<usize>,
    /// Those that required it before anybody provided it.
    early: Vec<usize>,
}

fn dependencies<'a>(trial: &'a [Choice<'_>]) -> BTreeMap<&'a str, Dependency<'a>> {
    let mut dependencies = BTreeMap::<&str, Dependency<'_>>::new();
    for (at, choice) in trial.iter().enumerate() {
        for provide in &choice.sections.provides {
            dependencies.entry(&provide.name).or_default().unused.push(at);
        }
        for require in &choice.sections.requires {
            let dependency = dependencies.entry(&require.name).or_default();
            let provided = std::mem::take(&mut dependency.unused);
            dependency.providers.extend(provided);
            if dependency.providers.is_empty() {
                dependency.early.push(at);
            } else {
                dependency.requires.push(require);
            }
        }
    }
    dependencies
}

fn misfits(dependencies: &BTreeMap<&str, Dependency<'_>>) -> Vec<(usize, String)> {
    let early = dependencies
        .iter()
        .flat_map(|(name, dependency)| dependency.early.iter().map(move |at| (*at, format!("requires {name}"))));
    let unused = dependencies.iter().flat_map(|(name, dependency)| {
        dependency.unused.iter().map(move |at| (*at, format!("provides unused {name}")))
    });
    early.chain(unused).collect()
}

#[cfg(test)]
mod search;

#[cfg(test)]
mod tests {
    use super::*;

    /// `a? +x -y | +z`: a module, what it provides and requires, its alternatives.
    fn offers(lines: &[&str]) -> Vec<(Element, BuildPlan)> {
        let sections = |text: &str| {
            let mut sections = PlanSections::default();
            for word in text.split_whitespace() {
                let (sign, name) = word.split_at(1);
                match sign {
                    "+" => sections.provides.push(baler_cnb::plan::Provide { name: name.into() }),
                    _ => sections.requires.push(Require { name: name.into(), ..Default::default() }),
                }
            }
            sections
        };
        let offer = |line: &&str| {
            let (name, plans) = line.split_once(' ').unwrap_or((line, ""));
            let mut plans = plans.split('|').map(sections);
            let first = plans.next().unwrap_or_default();
            let plan = BuildPlan { provides: first.provides, requires: first.requires, or: plans.collect() };
            let kind = if name.starts_with('*') { ModuleKind::Extension } else { ModuleKind::Buildpack };
            let id = name.trim_start_matches('*').trim_end_matches('?').to_owned();
            (Element { key: Key { kind, id, version: "1".into() }, optional: name.ends_with('?') }, plan)
        };
        lines.iter().map(offer).collect()
    }

    fn fit(lines: &[&str]) -> (Option<Fit>, Vec<String>) {
        let offers = offers(lines);
        let offers: Vec<_> = offers.iter().map(|(element, plan)| Offer { element, plan }).collect();
        let mut messages = Messages::default();
        let fit = first_fit(&offers, &mut messages);
        (fit, messages.lines().into_iter().map(str::to_owned).collect())
    }

    /// `a b; tool: a<2`: the group, then each dependency with its providers and how often it is required.
    fn short(fit: &Fit) -> String {
        let group: Vec<_> = fit.group.iter().map(|key| key.id.as_str()).collect();
        let entry = |entry: &PlanEntry| {
            let providers: Vec<_> = entry.providers.iter().map(|provider| provider.id.as_str()).collect();
            format!("; {}: {}<{}", entry.requires[0].name, providers.join(","), entry.requires.len())
        };
        group.join(" ") + &fit.plan.entries.iter().map(entry).collect::<String>()
    }

    #[test]
    fn trial_table() {
        let cases: [(&[&str], Option<&str>); 21] = [
            (&["a", "b"], Some("a b")),
            (&["a +tool +self -self", "b? +tool", "c? -tool", "d -tool"], Some("a b c d; self: a<1; tool: a,b<2")),
            (&["a +x -x", "b? -nobody", "c? +unwanted", "d"], Some("a d; x: a<1")),
            (&["a", "b? +y -missing", "c? -y", "d"], Some("a d")),
            (&["a", "d -none"], None),
            (&["a +none", "d"], None),
            (&["a -late", "d +late"], None),
            (&["a +late", "b -late", "c +late"], None),
            (&["a +late", "b -late", "c? +late"], Some("a b; late: a<1")),
            (&["a +first| +second| +third", "d -none| -third"], Some("a d; third: a<1")),
            (&["a", "b? -none| -also-none", "c? +q|", "d"], Some("a c d")),
            (&["a? -none"], None),
            (&["a? +x", "b? -x"], Some("a b; x: a<1")),
            (&["a? -x", "b? +x"], None),
            (&["a? +x -y", "b? +y -x"], None),
            (&["a +x", "b? -x -y"], None),
            (&["a +x| +y", "b -x| -y", "c? -y"], Some("a b; x: a<1")),
            (&["a +x|", "b? -y"], Some("a")),
            (&["a +x -x", "b +x -x"], Some("a b; x: a,b<2")),
            (&["*e? +x", "a -x"], Some("e a; x: e<1")),
            (&["*e? +unused", "a"], Some("a")),
        ];
        for (lines, expected) in cases {
            let (fit, messages) = fit(lines);
            assert_eq!(fit.as_ref().map(short).as_deref(), expected, "{lines:?} {messages:#?}");
        }
    }

    #[test]
    fn extensions_are_marked_as_providers() {
        let (fit, _) = fit(&["*e? +x", "a -x"]);
        assert!(fit.unwrap().plan.entries[0].providers[0].extension);
    }

    #[test]
    fn trials_say_what_is_left_out_and_why() {
        let (_, messages) = fit(&["a +x|", "b? -y", "c? +z"]);
        let expected = [
            "Resolving plan... (try #1)",
            "skip: b@1 requires y",
            "fail: a@1 provides unused x",
            "Resolving plan... (try #2)",
            "skip: b@1 requires y",
            "skip: c@1 provides unused z",
        ];
        assert_eq!(messages, expected);
    }
}
