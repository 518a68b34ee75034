//! From text to rules.

use std::str::FromStr;
use std::time::Duration;

use super::kinds::{KINDS, Key, Kind, Usual, Values};
use crate::rules::{Fault, Rule};
use crate::subject::Part;

const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PATCH", "PUT", "DELETE"];
/// What each fault takes.
const COMMON: [&str; 5] = ["on", "method", "path", "times", "after"];

/// Why a text is no rule.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRule {
    #[error("there is no fault '{name}'; there are the statuses from 400 to 599, and {}", kind_names())]
    Fault { name: String },
    #[error("'{part}' is not KEY=VALUE")]
    NoValue { part: String },
    #[error("'{fault}' has no '{key}'; it has {}", keys.join(", "))]
    Key { fault: String, key: String, keys: Vec<&'static str> },
    #[error("'{key}' is there twice")]
    Twice { key: String },
    #[error("'{key}' is {wanted}, not '{value}'")]
    Value { key: String, value: String, wanted: String },
}

fn kind_names() -> String {
    KINDS.iter().map(|kind| kind.name).collect::<Vec<_>>().join(", ")
}

/// A fault as it is named: one of the list, or a status.
enum Named {
    Kind(&'static Kind),
    Status(u16),
}

impl Named {
    fn keys(&self) -> &'static [Key] {
        match self {
            Self::Kind(kind) => kind.keys,
            Self::Status(_) => &[Key::RetryAfter],
        }
    }

    fn usual(&self) -> Usual {
        match self {
            Self::Kind(kind) => kind.usual,
            Self::Status(_) => Usual { part: Part::All, method: "*", always: false },
        }
    }

    fn fault(&self, values: &Values) -> Fault {
        match self {
            Self::Kind(kind) => (kind.make)(values),
            Self::Status(status) => {
                let retry_after = values.retry_after.map(|seconds| ("retry-after", seconds.to_string()));
                Fault::Status(*status, retry_after.into_iter().collect())
            }
        }
    }
}

impl FromStr for Named {
    type Err = InvalidRule;

    fn from_str(name: &str) -> Result<Self, InvalidRule> {
        let status = name.parse().ok().filter(|status| (400..600).contains(status)).map(Self::Status);
        let kind = || KINDS.iter().find(|kind| kind.name == name).map(Self::Kind);
        status.or_else(kind).ok_or_else(|| InvalidRule::Fault { name: name.to_owned() })
    }
}

/// What was read so far.
struct Reading {
    method: String,
    path: String,
    part: Part,
    times: usize,
    after: usize,
    values: Values,
}

impl FromStr for Rule {
    type Err = InvalidRule;

    fn from_str(text: &str) -> Result<Self, InvalidRule> {
        let (name, rest) = text.split_once(':').unwrap_or((text, ""));
        let named: Named = name.parse()?;
        let usual = named.usual();
        let mut reading = Reading {
            method: usual.method.to_owned(),
            path: "*".to_owned(),
            part: usual.part,
            times: if usual.always { usize::MAX } else { 1 },
            after: 0,
            values: Values::default(),
        };
        let mut seen = Vec::new();
        for part in rest.split(',').filter(|_| text.contains(':')) {
            let (key, value) = part.split_once('=').ok_or_else(|| InvalidRule::NoValue { part: part.to_owned() })?;
            if seen.contains(&key) {
                return Err(InvalidRule::Twice { key: key.to_owned() });
            }
            seen.push(key);
            reading.take(name, &named, key, value)?;
        }
        let fault = named.fault(&reading.values);
        let rule = Self::new(&reading.method, &reading.path, fault).on(reading.part);
        Ok(rule.times(reading.times).after(reading.after).written(text))
    }
}

impl Reading {
    fn take(&mut self, fault: &str, named: &Named, key: &str, value: &str) -> Result<(), InvalidRule> {
        let wants = |wanted: &str| InvalidRule::Value {
            key: key.to_owned(),
            value: value.to_owned(),
            wanted: wanted.to_owned(),
        };
        match key {
            "on" => {
                let found = Part::NAMED.iter().find(|(name, ..)| *name == value);
                let parts = || Part::NAMED.map(|(name, ..)| name).join(", ");
                self.part = found.map(|(_, part, _)| *part).ok_or_else(|| wants(&format!("one of {}", parts())))?;
            }
            "method" if METHODS.contains(&value) => value.clone_into(&mut self.method),
            "method" => return Err(wants(&format!("one of {}", METHODS.join(", ")))),
            "path" if value.starts_with(['/', '*']) => value.clone_into(&mut self.path),
            "path" => return Err(wants("a path such as /v2/team/*")),
            "times" if value == "always" => self.times = usize::MAX,
            "times" => self.times = value.parse().map_err(|_| wants("a number, or always"))?,
            "after" => self.after = value.parse().map_err(|_| wants("a number"))?,
            _ => {
                let own = named.keys().iter().find(|own| own.usage().0 == key);
                let keys = || named.keys().iter().map(|key| key.usage().0).chain(COMMON).collect();
                let no_such = || InvalidRule::Key { fault: fault.to_owned(), key: key.to_owned(), keys: keys() };
                let own = own.ok_or_else(no_such)?;
                self.values.set(*own, value).ok_or_else(|| wants(own.usage().1))?;
            }
        }
        Ok(())
    }
}

impl Values {
    /// `None` where the value is not what it should be.
    fn set(&mut self, key: Key, value: &str) -> Option<()> {
        match key {
            Key::Bytes => self.bytes = Some(value.parse().ok()?),
            Key::Seconds => self.pause = Some(Duration::try_from_secs_f64(value.parse().ok()?).ok()?),
            Key::RetryAfter => self.retry_after = Some(value.parse().ok()?),
            Key::MediaType => {
                let is_plain = value.bytes().all(|byte| byte.is_ascii_graphic());
                self.media_type = Some(value.to_owned()).filter(|value| is_plain && value.contains('/'));
                self.media_type.as_ref()?;
            }
            Key::To => {
                let host = value.strip_prefix("http://").or_else(|| value.strip_prefix("https://"))?;
                let is_host = !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/');
                self.to = Some(value.to_owned()).filter(|_| is_host);
                self.to.as_ref()?;
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_named() {
        let cases = [
            ("503s", "there is no fault '503s'; there are the statuses from 400 to 599, and reset-before, reset-in, "),
            ("200", "there is no fault '200'; "),
            ("", "there is no fault ''; "),
            ("503:", "'' is not KEY=VALUE"),
            ("503:twice", "'twice' is not KEY=VALUE"),
            ("503:bytes=3", "'503' has no 'bytes'; it has retry-after, on, method, path, times, after"),
            ("damage:retry-after=3", "'damage' has no 'retry-after'; it has on, method, path, times, after"),
            ("503:times=1,times=2", "'times' is there twice"),
            ("503:times=-1", "'times' is a number, or always, not '-1'"),
            ("503:after=x", "'after' is a number, not 'x'"),
            (
                "503:on=layers",
                "'on' is one of all, manifests, blobs, uploads, chunks, mounts, tokens, tags, not 'layers'",
            ),
            ("503:method=get", "'method' is one of GET, HEAD, POST, PATCH, PUT, DELETE, not 'get'"),
            ("503:path=team", "'path' is a path such as /v2/team/*, not 'team'"),
            ("429:retry-after=soon", "'retry-after' is a number of seconds, not 'soon'"),
            ("slow:seconds=-1", "'seconds' is a number, as in 0.5, not '-1'"),
            ("content-type:type=text", "'type' is a media type, not 'text'"),
            ("redirect:to=127.0.0.1:5001", "'to' is http://HOST:PORT or https://HOST:PORT, not '127.0.0.1:5001'"),
        ];
        for (text, expected) in cases {
            let found = text.parse::<Rule>().expect_err(text).to_string();
            assert!(found.starts_with(expected), "{text}: {found}");
        }
    }

    #[test]
    fn all_that_there_is_can_be_written() {
        for kind in KINDS {
            assert!(kind.name.parse::<Rule>().is_ok(), "{}", kind.name);
            let full = format!("{}:on=all,method=GET,path=/v2/*,times=always,after=2", kind.name);
            assert!(full.parse::<Rule>().is_ok(), "{full}");
        }
        let parsed: Rule = "429:retry-after=7,times=2".parse().expect("a rule");
        assert!(matches!(parsed.fault(), Fault::Status(429, headers) if *headers == [("retry-after", "7".to_owned())]));
        let parsed: Rule = "redirect:to=https://host:1".parse().expect("a rule");
        assert!(matches!(parsed.fault(), Fault::Redirect(to) if to == "https://host:1"));
    }
}
