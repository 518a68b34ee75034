//! Which run image the extensions want. Pure.

use baler_dockerfile::Kind;

use super::output::Output;

/// What the run.Dockerfiles of all extensions come to.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Choice {
    /// The last image that a run.Dockerfile switches to.
    pub(super) new_base: Option<String>,
    /// Something is to be done to it, or to the present run image.
    pub(super) extends: bool,
    /// The outputs, by their place, whose run.Dockerfile has no effect: a later one switches.
    pub(super) ignored: Vec<usize>,
}

/// Goes back from the last extension to the one that switches; those before it have no effect.
pub(super) fn choose(outputs: &[Output]) -> Choice {
    let mut choice = Choice::default();
    for (at, output) in outputs.iter().enumerate().rev() {
        let Some(dockerfile) = output.dockerfile(Kind::Run) else { continue };
        if choice.new_base.is_some() {
            choice.ignored.push(at);
            continue;
        }
        choice.extends |= dockerfile.extends();
        choice.new_base = dockerfile.new_base().map(str::to_owned);
    }
    choice
}

#[cfg(test)]
mod tests {
    use baler_dockerfile::Dockerfile;

    use super::*;

    fn choice(run_dockerfiles: &[&str]) -> Choice {
        let output = |text: &&str| {
            let dockerfiles = match *text {
                "" => Vec::new(),
                text => vec![Dockerfile::parse(Kind::Run, text.as_bytes()).unwrap()],
            };
            Output { dockerfiles, ..Default::default() }
        };
        choose(&run_dockerfiles.iter().map(output).collect::<Vec<_>>())
    }

    #[test]
    fn the_last_switch_counts() {
        type Case<'a> = (&'a [&'a str], Option<&'a str>, bool, &'a [usize]);
        const EXTEND: &str = "FROM ${base_image}\nRUN x\n";
        let cases: [Case<'_>; 9] = [
            (&[], None, false, &[]),
            (&["", ""], None, false, &[]),
            (&["FROM ${base_image}"], None, false, &[]),
            (&[EXTEND], None, true, &[]),
            (&["FROM a", ""], Some("a"), false, &[]),
            (&["FROM a", "FROM b"], Some("b"), false, &[0]),
            (&["FROM a", EXTEND], Some("a"), true, &[]),
            (&[EXTEND, "", "FROM a", EXTEND], Some("a"), true, &[0]),
            (&["FROM a\nRUN x", EXTEND, "FROM b"], Some("b"), false, &[1, 0]),
        ];
        for (files, new_base, extends, ignored) in cases {
            let expected = Choice { new_base: new_base.map(str::to_owned), extends, ignored: ignored.to_vec() };
            assert_eq!(choice(files), expected, "{files:?}");
        }
    }

    /// The Dockerfiles applied one after the other, as the specification tells it.
    fn model(run_dockerfiles: &[&str]) -> Choice {
        let (mut new_base, mut extends, mut ignored) = (None, false, Vec::new());
        for (at, text) in run_dockerfiles.iter().enumerate().filter(|(_, text)| !text.is_empty()) {
            let has_run = text.contains("RUN");
            match text.lines().next().and_then(|line| line.strip_prefix("FROM ")) {
                Some("${base_image}") => extends |= has_run,
                Some(name) => {
                    new_base = Some(name.to_owned());
                    extends = has_run;
                    ignored = (0..at).filter(|before| !run_dockerfiles[*before].is_empty()).rev().collect();
                }
                None => unreachable!("all begin with FROM"),
            }
        }
        Choice { new_base, extends, ignored }
    }

    #[test]
    fn going_back_is_the_same_as_going_on() {
        let kinds = ["", "FROM ${base_image}", "FROM ${base_image}\nRUN x", "FROM a", "FROM b\nRUN x"];
        for length in 0..=5u32 {
            for mut number in 0..kinds.len().pow(length) {
                let mut files = Vec::new();
                for _ in 0..length {
                    files.push(kinds[number % kinds.len()]);
                    number /= kinds.len();
                }
                assert_eq!(choice(&files), model(&files), "{files:?}");
            }
        }
    }
}
