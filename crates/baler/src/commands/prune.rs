//! `baler prune`.

use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use baler_platform::images::{self, PruneRequest};
use baler_store::Freed;

use super::format::bytes;
use crate::arguments::PruneArguments;
use crate::host::Host;
use crate::output::Console;

pub(crate) fn run(arguments: &PruneArguments, console: &Console) -> anyhow::Result<ExitCode> {
    let host = Host::open()?;
    let request = PruneRequest {
        older_than: arguments.older_than,
        keep_size: arguments.keep_size,
        caches: arguments.caches,
        all: arguments.all,
        now: SystemTime::now(),
    };
    let plan = images::plan_prune(host.store(), &request)?;
    let (removed, freed) = if arguments.dry_run { ("Would remove", "Would free") } else { ("Removed", "Freed") };
    let result =
        if arguments.dry_run { images::would_free(host.store(), &plan)? } else { images::prune(host.store(), &plan)? };
    for name in plan.images() {
        console.result(&format!("{removed} {name}"));
    }
    if !console.is_quiet() {
        console.result(&format!("{freed} {}", describe(&result)));
    }
    Ok(ExitCode::SUCCESS)
}

/// `1.2 MB: 3 blobs, 1 unpacked layer, 0 caches`.
pub(super) fn describe(freed: &Freed) -> String {
    let count = |number: u64, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
    format!(
        "{}: {}, {}, {}",
        bytes(freed.bytes),
        count(freed.blobs, "blob"),
        count(freed.layers, "unpacked layer"),
        count(freed.caches, "cache")
    )
}

/// `90s`, `12h`, `7d`, `2w`.
pub(crate) fn parse_age(text: &str) -> Result<Duration, String> {
    const UNITS: [(char, u64); 5] = [('s', 1), ('m', 60), ('h', 3600), ('d', 86_400), ('w', 604_800)];
    let parsed = UNITS.iter().find_map(|(unit, seconds)| {
        let number: u64 = text.strip_suffix(*unit)?.parse().ok()?;
        number.checked_mul(*seconds).map(Duration::from_secs)
    });
    parsed.ok_or_else(|| "a number and s, m, h, d or w is expected, as in 7d".to_owned())
}

/// `500MB`, `10GB`, `1.5TB`, or bytes; powers of 1000, as sizes are shown.
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 5] =
        [("kB", 1000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("TB", 1_000_000_000_000), ("B", 1)];
    let expected = || "a number and kB, MB, GB or TB is expected, as in 10GB".to_owned();
    let ends_with = |unit: &str| text.len() > unit.len() && text.to_lowercase().ends_with(&unit.to_lowercase());
    let (unit, factor) = UNITS.into_iter().find(|(unit, _)| ends_with(unit)).unwrap_or(("", 1));
    let number = text[..text.len() - unit.len()].trim_end();
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit()) && part.len() <= 9;
    if whole.is_empty() || !digits(fraction) {
        return Err(expected());
    }
    let whole: u64 = whole.parse().map_err(|_| expected())?;
    let scale = 10_u64.pow(u32::try_from(fraction.len()).unwrap_or(0));
    let part = fraction.parse::<u64>().unwrap_or(0).checked_mul(factor).map(|product| product / scale);
    whole.checked_mul(factor).and_then(|bytes| bytes.checked_add(part?)).ok_or_else(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages() {
        for (text, seconds) in
            [("0s", 0), ("90s", 90), ("5m", 300), ("12h", 43_200), ("7d", 604_800), ("2w", 1_209_600)]
        {
            assert_eq!(parse_age(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "7", "d", "-1d", "1.5d", "7 d", "99999999999999999999d", "9999999999999999999w"] {
            assert!(parse_age(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes() {
        let cases = [
            ("0", 0),
            ("17", 17),
            ("5B", 5),
            ("5kb", 5000),
            ("1.5GB", 1_500_000_000),
            ("10 GB", 10_000_000_000),
            ("0.000001MB", 1),
        ];
        for (text, bytes) in cases {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for text in ["", "GB", "x", "-1GB", "1.GBx", "1..5GB", ".5GB", "99999999999TB", "é"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_and_words_agree() {
        let freed = Freed { blobs: 1, layers: 0, caches: 2, bytes: 1200 };
        assert_eq!(describe(&freed), "1.2 kB: 1 blob, 0 unpacked layers, 2 caches");
    }
}
