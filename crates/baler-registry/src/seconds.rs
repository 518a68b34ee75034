//! Times that a user sets.

use std::time::Duration;

use crate::keychain::KeychainContext;

/// A variable whose value is no time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable} is a number of seconds from 1 to 86400, not '{value}'")]
pub struct InvalidSeconds {
    variable: &'static str,
    value: String,
}

/// What a variable says, if it is set to something.
pub(crate) fn seconds(
    context: &KeychainContext<'_>,
    variable: &'static str,
) -> Result<Option<Duration>, InvalidSeconds> {
    let Some(value) = (context.variable)(variable).filter(|value| !value.is_empty()) else { return Ok(None) };
    let seconds = value.parse().ok().filter(|seconds| (1..=24 * 60 * 60).contains(seconds));
    seconds.map(|seconds| Some(Duration::from_secs(seconds))).ok_or(InvalidSeconds { variable, value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_a_second_to_a_day() {
        for (value, expected) in [("90", Some(90)), ("", None), ("0", None), ("1m", None), ("86401", None)] {
            let variable = |name: &str| (name == "TIME").then(|| value.to_owned());
            let context = KeychainContext { variable: &variable, home: None, search: Vec::new() };
            let found = seconds(&context, "TIME");
            if let Err(error) = &found {
                assert_eq!(error.to_string(), format!("TIME is a number of seconds from 1 to 86400, not '{value}'"));
            }
            assert_eq!(found.is_err(), expected.is_none() && !value.is_empty());
            assert_eq!(found.ok().flatten().map(|time| time.as_secs()), expected);
        }
    }
}
