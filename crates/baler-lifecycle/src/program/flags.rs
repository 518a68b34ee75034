//! Flags in the style of Go programs, which platforms use to call a lifecycle.
//!
//! `-name value`, `-name=value`, the same with two dashes; a boolean needs `=` to be given a value; the first word that
//! is no flag, or `--`, ends them.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;

use baler_cnb::api::ApiVersion;

/// The flags of a program.
pub struct FlagSet {
    pub program: &'static str,
    pub flags: Vec<Flag>,
}

/// A flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flag {
    pub name: &'static str,
    pub kind: FlagKind,
    pub description: &'static str,
    /// The first Platform API that has it.
    pub since: ApiVersion,
    /// The last Platform API that has it, if later ones do not.
    pub until: Option<ApiVersion>,
}

/// What a flag takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlagKind {
    /// Nothing, or a value after `=`.
    Boolean,
    /// A value.
    Text,
    /// An id of a user or a group: a number.
    Id,
    /// A span of time, such as `336h`.
    Duration,
    /// A value; each use adds one.
    List,
}

/// The flags and words of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    values: BTreeMap<&'static str, Vec<OsString>>,
    pub positionals: Vec<OsString>,
}

/// What is wrong with the flags of a call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FlagError {
    #[error("help requested")]
    Help,
    #[error("flag provided but not defined: -{0}")]
    Undefined(String),
    #[error("flag needs an argument: -{0}")]
    MissingValue(String),
    #[error("bad flag syntax: {0}")]
    Malformed(String),
    #[error("invalid boolean value {value:?} for -{name}: parse error")]
    NotBoolean { name: String, value: String },
    #[error("invalid value {value:?} for flag -{name}: parse error")]
    Unparsable { name: String, value: String },
}

impl Flag {
    /// A flag without a value.
    pub const fn boolean(name: &'static str, description: &'static str) -> Self {
        Self::new(name, FlagKind::Boolean, description)
    }

    /// A flag with a value.
    pub const fn text(name: &'static str, description: &'static str) -> Self {
        Self::new(name, FlagKind::Text, description)
    }

    /// A flag whose value is the id of a user or a group.
    pub const fn id(name: &'static str, description: &'static str) -> Self {
        Self::new(name, FlagKind::Id, description)
    }

    /// A flag whose value is a span of time.
    pub const fn duration(name: &'static str, description: &'static str) -> Self {
        Self::new(name, FlagKind::Duration, description)
    }

    /// A flag that may be given several times.
    pub const fn list(name: &'static str, description: &'static str) -> Self {
        Self::new(name, FlagKind::List, description)
    }

    const fn new(name: &'static str, kind: FlagKind, description: &'static str) -> Self {
        Self { name, kind, description, since: ApiVersion::new(0, 7), until: None }
    }

    /// The same flag, which Platform APIs before `0.minor` do not have.
    #[must_use]
    pub const fn since(self, minor: u32) -> Self {
        Self { since: ApiVersion::new(0, minor), ..self }
    }

    /// The same flag, which Platform APIs after `0.minor` do not have.
    #[must_use]
    pub const fn until(self, minor: u32) -> Self {
        Self { until: Some(ApiVersion::new(0, minor)), ..self }
    }

    /// Whether `api` has it.
    pub fn is_in(&self, api: ApiVersion) -> bool {
        api >= self.since && self.until.is_none_or(|until| api <= until)
    }
}

impl Parsed {
    /// The last value of a flag.
    pub fn text(&self, name: &str) -> Option<&OsStr> {
        self.values.get(name)?.last().map(OsString::as_os_str)
    }

    /// All values of a flag.
    pub fn list(&self, name: &str) -> &[OsString] {
        self.values.get(name).map_or(&[], Vec::as_slice)
    }

    /// Whether a boolean flag is on.
    pub fn flag(&self, name: &str) -> bool {
        self.boolean(name).unwrap_or(false)
    }

    /// A boolean flag, if it was given.
    pub fn boolean(&self, name: &str) -> Option<bool> {
        self.text(name).and_then(parse_boolean)
    }
}

/// A boolean as Go reads it.
pub(crate) fn parse_boolean(text: &OsStr) -> Option<bool> {
    match text.as_bytes() {
        b"1" | b"t" | b"T" | b"TRUE" | b"true" | b"True" => Some(true),
        b"0" | b"f" | b"F" | b"FALSE" | b"false" | b"False" => Some(false),
        _ => None,
    }
}

impl FlagSet {
    /// Reads the arguments of a call.
    pub fn parse(&self, arguments: &[OsString]) -> Result<Parsed, FlagError> {
        let mut parsed = Parsed::default();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let bytes = argument.as_bytes();
            if bytes == b"--" {
                break;
            }
            if bytes.len() < 2 || bytes[0] != b'-' {
                parsed.positionals.push(argument.clone());
                break;
            }
            let body = bytes.strip_prefix(b"--").unwrap_or(&bytes[1..]);
            let (flag, value) = self.split(argument, body)?;
            let value = match (value, flag.kind) {
                (Some(value), FlagKind::Boolean) => checked_boolean(flag.name, value)?,
                (None, FlagKind::Boolean) => "true".into(),
                (Some(value), _) => value.to_owned(),
                (None, _) => rest.next().ok_or_else(|| FlagError::MissingValue(flag.name.to_owned()))?.clone(),
            };
            check(&flag, &value)?;
            parsed.values.entry(flag.name).or_default().push(value);
        }
        parsed.positionals.extend(rest.cloned());
        Ok(parsed)
    }

    /// The flag and the value after its `=`.
    fn split<'a>(&self, argument: &OsStr, body: &'a [u8]) -> Result<(Flag, Option<&'a OsStr>), FlagError> {
        let at = body.iter().position(|byte| *byte == b'=');
        let (name, value) = at.map_or((body, None), |at| (&body[..at], Some(OsStr::from_bytes(&body[at + 1..]))));
        if name.is_empty() || name[0] == b'-' {
            return Err(FlagError::Malformed(argument.to_string_lossy().into_owned()));
        }
        match self.flags.iter().find(|flag| flag.name.as_bytes() == name) {
            Some(flag) => Ok((*flag, value)),
            None if matches!(name, b"h" | b"help") => Err(FlagError::Help),
            None => Err(FlagError::Undefined(String::from_utf8_lossy(name).into_owned())),
        }
    }

    /// What is printed to those who ask for help.
    pub fn usage(&self) -> String {
        let mut flags = self.flags.clone();
        flags.sort_by_key(|flag| flag.name);
        let line = |flag: &Flag| {
            let value = if flag.kind == FlagKind::Boolean { "" } else { " value" };
            format!("  -{}{value}\n    \t{}\n", flag.name, flag.description)
        };
        format!("Usage of {}:\n{}", self.program, flags.iter().map(line).collect::<String>())
    }
}

/// Whether the value is of the flag's kind.
fn check(flag: &Flag, value: &OsStr) -> Result<(), FlagError> {
    let is_sound = match flag.kind {
        FlagKind::Id => parse_id(value).is_some(),
        FlagKind::Duration => value.to_str().is_some_and(is_duration),
        FlagKind::Boolean | FlagKind::Text | FlagKind::List => true,
    };
    let unparsable =
        || FlagError::Unparsable { name: flag.name.to_owned(), value: value.to_string_lossy().into_owned() };
    is_sound.then_some(()).ok_or_else(unparsable)
}

/// An id as Go reads integers: decimal, or with a prefix that says otherwise.
pub(crate) fn parse_id(value: &OsStr) -> Option<u32> {
    let text = value.to_str()?;
    let (digits, radix) = match text.get(..2).map(str::to_ascii_lowercase).as_deref() {
        Some("0x") => (&text[2..], 16),
        Some("0o") => (&text[2..], 8),
        Some("0b") => (&text[2..], 2),
        _ if text.len() > 1 && text.starts_with('0') => (&text[1..], 8),
        _ => (text, 10),
    };
    u32::from_str_radix(digits, radix).ok()
}

/// Whether Go reads the text as a span of time: numbers with units, `1h30m`, `-1.5s`, `0`.
fn is_duration(text: &str) -> bool {
    let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    if rest == "0" {
        return true;
    }
    let is_empty = rest.is_empty();
    while !rest.is_empty() {
        let unit = rest.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == '.');
        let number = &rest[..rest.len() - unit.len()];
        let is_number = number.contains(|letter: char| letter.is_ascii_digit()) && number.matches('.').count() < 2;
        let units = ["ns", "us", "µs", "μs", "ms", "s", "m", "h"];
        let end = unit.find(|letter: char| letter.is_ascii_digit() || letter == '.').unwrap_or(unit.len());
        if !is_number || !units.contains(&&unit[..end]) {
            return false;
        }
        rest = &unit[end..];
    }
    !is_empty
}

fn checked_boolean(name: &str, value: &OsStr) -> Result<OsString, FlagError> {
    match parse_boolean(value) {
        Some(_) => Ok(value.to_owned()),
        None => Err(FlagError::NotBoolean { name: name.to_owned(), value: value.to_string_lossy().into_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<String, FlagError> {
        let flags = vec![
            Flag::text("app", ""),
            Flag::boolean("daemon", ""),
            Flag::list("tag", ""),
            Flag::id("uid", ""),
            Flag::duration("ttl", ""),
        ];
        let arguments: Vec<_> = arguments.iter().map(OsString::from).collect();
        let parsed = FlagSet { program: "p", flags }.parse(&arguments)?;
        let words =
            |list: &[OsString]| list.iter().map(|word| word.to_str().unwrap().to_owned()).collect::<Vec<_>>().join(",");
        let app = parsed.text("app").map_or("none", |app| app.to_str().unwrap());
        Ok(format!("{app} {} {} | {}", parsed.flag("daemon"), words(parsed.list("tag")), words(&parsed.positionals)))
    }

    #[test]
    fn flags_are_read_as_go_reads_them() {
        let cases: [(&[&str], &str); 10] = [
            (&[], "none false  | "),
            (&["-app", "x", "image"], "x false  | image"),
            (&["--app=x", "-app", "y"], "y false  | "),
            (&["-daemon", "false"], "none true  | false"),
            (&["-daemon=false"], "none false  | "),
            (&["-tag", "a", "-tag=b=c"], "none false a,b=c | "),
            (&["image", "-app", "x"], "none false  | image,-app,x"),
            (&["-app", "-daemon"], "-daemon false  | "),
            (&["--", "-app"], "none false  | -app"),
            (&["-"], "none false  | -"),
        ];
        for (arguments, expected) in cases {
            assert_eq!(parse(arguments).unwrap(), expected, "{arguments:?}");
        }
    }

    #[test]
    fn other_flags_are_refused() {
        let text = |text: &str| text.to_owned();
        let unparsable = |name, value| FlagError::Unparsable { name: text(name), value: text(value) };
        let cases: [(&[&str], FlagError); 9] = [
            (&["-h"], FlagError::Help),
            (&["--no-such"], FlagError::Undefined(text("no-such"))),
            (&["-app"], FlagError::MissingValue(text("app"))),
            (&["---app"], FlagError::Malformed(text("---app"))),
            (&["-=x"], FlagError::Malformed(text("-=x"))),
            (&["-daemon=maybe"], FlagError::NotBoolean { name: text("daemon"), value: text("maybe") }),
            (&["-uid", "me"], unparsable("uid", "me")),
            (&["-uid=-1"], unparsable("uid", "-1")),
            (&["-ttl", "10"], unparsable("ttl", "10")),
        ];
        for (arguments, expected) in cases {
            assert_eq!(parse(arguments).unwrap_err(), expected, "{arguments:?}");
        }
    }

    #[test]
    fn values_are_read_as_go_reads_them() {
        for (text, expected) in [
            ("0", Some(0)),
            ("1000", Some(1000)),
            ("0x10", Some(16)),
            ("010", Some(8)),
            ("", None),
            ("4294967296", None),
        ] {
            assert_eq!(parse_id(OsStr::new(text)), expected, "{text}");
        }
        for text in ["336h", "1h30m", "-1.5s", "0", ".5ms", "2µs"] {
            assert!(is_duration(text), "{text}");
        }
        for text in ["", "-", "1", "h", "1.2.3h", "1 h", "1d"] {
            assert!(!is_duration(text), "{text}");
        }
    }
}
