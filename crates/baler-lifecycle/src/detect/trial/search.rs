//! Plan trials against a search through all subsets: of each combination of alternatives the largest set in which
//! everything fits and nothing required is left out, and of the combinations the first that has one.

use proptest::prelude::*;

use super::*;

/// Provides and requires of one alternative.
type Sections = (Vec<u8>, Vec<u8>);

fn name(number: u8) -> String {
    char::from(b'x' + number).to_string()
}

fn build_plan(alternatives: &[Sections]) -> BuildPlan {
    let sections = |(provides, requires): &Sections| PlanSections {
        provides: provides.iter().map(|number| baler_cnb::plan::Provide { name: name(*number) }).collect(),
        requires: requires.iter().map(|number| Require { name: name(*number), ..Require::default() }).collect(),
    };
    let mut all = alternatives.iter().map(sections);
    let first = all.next().unwrap_or_default();
    BuildPlan { provides: first.provides, requires: first.requires, or: all.collect() }
}

/// Whether every requirement has a provision at or before it, and every provision a requirement at or after it.
fn fits(set: &[&Sections]) -> bool {
    set.iter().enumerate().all(|(at, (provides, requires))| {
        let is_provided = |name: &u8| set[..=at].iter().any(|(provides, _)| provides.contains(name));
        let is_required = |name: &u8| set[at..].iter().any(|(_, requires)| requires.contains(name));
        requires.iter().all(is_provided) && provides.iter().all(is_required)
    })
}

/// The largest subset that fits and has all that is required; there is only one, since what fits together with one part
/// of it fits together with all.
fn largest(trial: &[(&Sections, bool)]) -> Option<Vec<usize>> {
    let subsets =
        (1_u32..1 << trial.len()).map(|bits| (0..trial.len()).filter(|at| bits >> at & 1 == 1).collect::<Vec<_>>());
    let is_possible = |subset: &Vec<usize>| {
        let is_complete = trial.iter().enumerate().all(|(at, (_, optional))| *optional || subset.contains(&at));
        is_complete && fits(&subset.iter().map(|at| trial[*at].0).collect::<Vec<_>>())
    };
    subsets.filter(is_possible).max_by_key(Vec::len)
}

/// All combinations, earlier modules changing slowest.
fn combinations(counts: &[usize]) -> Vec<Vec<usize>> {
    counts.iter().fold(vec![Vec::new()], |before, count| {
        let longer = |combination: &Vec<usize>| {
            (0..*count).map(|at| combination.iter().copied().chain([at]).collect()).collect::<Vec<_>>()
        };
        before.iter().flat_map(longer).collect()
    })
}

fn expected(modules: &[(bool, Vec<Sections>)]) -> Option<Vec<usize>> {
    let counts: Vec<_> = modules.iter().map(|(_, alternatives)| alternatives.len()).collect();
    combinations(&counts).iter().find_map(|combination| {
        let trial: Vec<_> = modules
            .iter()
            .zip(combination)
            .map(|((optional, alternatives), at)| (&alternatives[*at], *optional && at + 1 == alternatives.len()))
            .collect();
        largest(&trial)
    })
}

fn sections() -> impl Strategy<Value = Sections> {
    (prop::collection::vec(0..3_u8, 0..3), prop::collection::vec(0..3_u8, 0..3))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn trials_find_what_a_search_finds(
        modules in prop::collection::vec((any::<bool>(), prop::collection::vec(sections(), 1..4)), 1..5)
    ) {
        let offers: Vec<_> = modules
            .iter()
            .enumerate()
            .map(|(at, (optional, alternatives))| {
                let key = Key { kind: ModuleKind::Buildpack, id: at.to_string(), version: "1".into() };
                (Element { key, optional: *optional }, build_plan(alternatives))
            })
            .collect();
        let offers: Vec<_> = offers.iter().map(|(element, plan)| Offer { element, plan }).collect();
        let fit = first_fit(&offers, &mut Messages::default());
        let group = fit.as_ref().map(|fit| fit.group.iter().map(|key| key.id.parse().unwrap()).collect::<Vec<usize>>());
        prop_assert_eq!(group, expected(&modules));
        for entry in fit.iter().flat_map(|fit| &fit.plan.entries) {
            prop_assert!(!entry.providers.is_empty() && !entry.requires.is_empty());
        }
    }
}
