//! What `baler dev registry --help` says of faults, from the one list of them.

use std::fmt::Write as _;

use baler_test_registry::Part;
use baler_test_registry::faults::{KINDS, Key, Kind};

const EXAMPLES: &str = "  \
    --fault 429:retry-after=2,times=3                      the first three requests are too many\n  \
    --fault 503:on=manifests,times=always                  no manifest can be had, ever\n  \
    --fault reset-in:bytes=1000000,times=2                 two layers break off after a megabyte\n  \
    --fault reset-upload:bytes=65536                       an upload is interrupted\n  \
    --fault 503:on=tokens --auth me:secret --tokens        the token server fails once\n  \
    --fault token-expires:after=1 --auth me:secret --tokens  a token expires in the middle\n  \
    --fault 504:path=/v2/team/*,method=PUT,after=1         the second PUT below team/ times out\n";

/// The faults, what can be said of each, and examples.
pub(super) fn help() -> String {
    let mut text = "Faults, with the requests that they befall:\n".to_owned();
    push(&mut text, "400 to 599", "this status is answered", "[retry-after=SECONDS]  the first request of all");
    for kind in KINDS {
        push(&mut text, kind.name, kind.about, &details(kind));
    }
    text.push_str("\nEach takes these as well:\n");
    for (key, about) in [
        ("times=N", "befall the first N requests that fit, or all of them with times=always"),
        ("after=N", "let N requests that fit pass first"),
        ("method=METHOD", "only GET, HEAD, POST, PATCH, PUT or DELETE"),
        ("path=PATH", "only this path; * stands for any text"),
        ("on=PART", "only requests of this part:"),
    ] {
        row(&mut text, key, about);
    }
    for (name, _, about) in Part::NAMED {
        row(&mut text, &format!("  {name}"), &format!("  {about}"));
    }
    text.push_str("\nExamples of faults:\n");
    text.push_str(EXAMPLES);
    text.push_str(
        "\nThe line of a request says which fault befell it; --- stands where the connection ended without an answer.",
    );
    text
}

fn push(text: &mut String, name: &str, about: &str, details: &str) {
    row(text, name, about);
    row(text, "", &format!("  {details}"));
}

fn row(text: &mut String, left: &str, right: &str) {
    writeln!(text, "  {left:<18} {right}").expect("writing to a String cannot fail");
}

fn details(kind: &Kind) -> String {
    let keys = kind.keys.iter().fold(String::new(), |text, key| text + "[" + &usage(*key) + "]  ");
    let part = Part::NAMED.iter().find(|(_, part, _)| *part == kind.usual.part).map_or("all", |(name, ..)| name);
    let method = if kind.usual.method == "*" { "request" } else { kind.usual.method };
    let amount = if kind.usual.always { "each" } else { "the first" };
    format!("{keys}{amount} {method} of {part}")
}

fn usage(key: Key) -> String {
    let (name, _) = key.usage();
    let value = match key {
        Key::Bytes => "100",
        Key::Seconds => "0.5",
        Key::RetryAfter => "SECONDS",
        Key::MediaType => "text/plain",
        Key::To => "URL",
        _ => "VALUE",
    };
    format!("{name}={value}")
}
