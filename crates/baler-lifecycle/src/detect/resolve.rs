//! Decides on one candidate group: who passed, whether that is enough, whose plans fit together.

use baler_cnb::plan::{BuildPlan, PlanFile};

use super::candidates::{Element, Key};
use super::messages::Messages;
use super::run::{Outcome, Verdict};
use super::trial::{Fit, Offer, first_fit};
use crate::error_text::chain;
use crate::module_store::ModuleKind;

/// A module of the candidate and what came of it.
pub(super) struct Participant<'a> {
    pub(super) element: &'a Element,
    pub(super) outcome: &'a Outcome,
}

/// The group that builds, and its plan.
#[derive(Debug, PartialEq)]
pub(super) struct Resolution {
    pub(super) group: Vec<Key>,
    pub(super) plan: PlanFile,
}

/// What came of a candidate.
#[derive(Debug, PartialEq)]
pub(super) enum Attempt {
    Success(Resolution),
    /// `had_errors`: a module did worse than to say no.
    Failure {
        had_errors: bool,
    },
}

/// Decides on a candidate.
pub(super) fn resolve(participants: &[Participant<'_>], messages: &mut Messages) -> Attempt {
    for participant in participants {
        say_output(participant, messages);
    }
    messages.debug("======== Results ========");
    let mut had_errors = false;
    let mut is_possible = true;
    let mut offers = Vec::new();
    for Participant { element, outcome } in participants {
        if let Some(plan) = say_result(element, &outcome.verdict, messages) {
            offers.push(Offer { element, plan });
        } else {
            had_errors |= !matches!(outcome.verdict, Verdict::Fail);
            is_possible &= element.optional;
        }
    }
    if !is_possible {
        return Attempt::Failure { had_errors };
    }
    if !offers.iter().any(|offer| offer.element.key.kind == ModuleKind::Buildpack) {
        messages.debug("fail: no viable buildpacks in group");
        return Attempt::Failure { had_errors: false };
    }
    let Some(Fit { group, plan }) = first_fit(&offers, messages) else {
        return Attempt::Failure { had_errors: false };
    };
    say_group(&group, participants.len(), messages);
    Attempt::Success(Resolution { group, plan })
}

fn say_output(Participant { element, outcome }: &Participant<'_>, messages: &mut Messages) {
    let is_answer = matches!(outcome.verdict, Verdict::Pass(_) | Verdict::Fail);
    let mut say = |line: String| if is_answer { messages.debug(line) } else { messages.info(line) };
    if !outcome.output.is_empty() {
        say(format!("======== Output: {} ========", element.key));
        say(outcome.output.clone());
    }
    if let Verdict::Failure(failure) = &outcome.verdict {
        say(format!("======== Error: {} ========", element.key));
        say(chain(failure));
    }
}

/// Says what a module answered, and returns the plan of one that passed.
fn say_result<'a>(element: &Element, verdict: &'a Verdict, messages: &mut Messages) -> Option<&'a BuildPlan> {
    let key = &element.key;
    match verdict {
        Verdict::Pass(plan) => {
            messages.debug(format!("pass: {key}"));
            return Some(plan);
        }
        Verdict::Fail if element.optional => messages.debug(format!("skip: {key}")),
        Verdict::Fail => messages.debug(format!("fail: {key}")),
        Verdict::Code(code) => messages.info(format!("err:  {key} ({code})")),
        Verdict::Failure(_) => messages.info(format!("err:  {key}")),
    }
    None
}

fn say_group(group: &[Key], candidates: usize, messages: &mut Messages) {
    if group.len() != candidates {
        messages.info(format!("{} of {candidates} buildpacks participating", group.len()));
    }
    let width = group.iter().map(|key| key.id.chars().count()).max().unwrap_or_default();
    for Key { id, version, .. } in group {
        messages.info(format!("{id:width$} {version}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::error::ModuleFailure;
    use crate::module_process::Ending;

    fn outcome(word: &str) -> Outcome {
        let verdict = match word {
            "pass" => Verdict::Pass(BuildPlan::default()),
            "fail" => Verdict::Fail,
            "killed" => Verdict::Failure(ModuleFailure::Killed { module: "m".into(), ending: Ending::Signal(6) }),
            code => Verdict::Code(code.parse().unwrap()),
        };
        Outcome { verdict, output: String::new() }
    }

    /// `a pass`, `b? fail`: a module and what it answered.
    fn attempt(lines: &[&str]) -> (String, Vec<String>) {
        let parse = |line: &&str| {
            let (name, word) = line.split_once(' ').unwrap();
            let kind = if name.starts_with('*') { ModuleKind::Extension } else { ModuleKind::Buildpack };
            let id = name.trim_start_matches('*').trim_end_matches('?').to_owned();
            (Element { key: Key { kind, id, version: "1".into() }, optional: name.ends_with('?') }, outcome(word))
        };
        let parsed: Vec<_> = lines.iter().map(parse).collect();
        let participants: Vec<_> = parsed.iter().map(|(element, outcome)| Participant { element, outcome }).collect();
        let mut messages = Messages::default();
        let result = match resolve(&participants, &mut messages) {
            Attempt::Success(resolution) => {
                resolution.group.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
            }
            Attempt::Failure { had_errors: true } => "error".into(),
            Attempt::Failure { had_errors: false } => "failure".into(),
        };
        (result, messages.lines().into_iter().map(str::to_owned).collect())
    }

    #[test]
    fn result_table() {
        let cases: [(&[&str], &str); 10] = [
            (&["a pass", "b pass"], "a@1 b@1"),
            (&["a pass", "b fail"], "failure"),
            (&["a pass", "b? fail"], "a@1"),
            (&["a pass", "b 3"], "error"),
            (&["a pass", "b? 3"], "a@1"),
            (&["a fail", "b? 3"], "error"),
            (&["a? fail", "b? fail"], "failure"),
            (&["a? fail", "b? killed"], "failure"),
            (&["*x? pass", "a? fail"], "failure"),
            (&[], "failure"),
        ];
        for (lines, expected) in cases {
            let (result, messages) = attempt(lines);
            assert_eq!(result, expected, "{lines:?} {messages:#?}");
        }
    }

    #[test]
    fn results_are_told() {
        let (_, messages) = attempt(&["long/name pass", "b? fail", "c? 3", "d? killed", "e pass"]);
        let expected = [
            "======== Error: d@1 ========",
            "m: was killed by signal 6",
            "======== Results ========",
            "pass: long/name@1",
            "skip: b@1",
            "err:  c@1 (3)",
            "err:  d@1",
            "pass: e@1",
            "Resolving plan... (try #1)",
            "2 of 5 buildpacks participating",
            "long/name 1",
            "e         1",
        ];
        assert_eq!(messages, expected);
    }
}
