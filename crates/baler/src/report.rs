//! An error as text: what failed, the causes, and hints, on one screen.

use std::fmt::Write as _;

use crate::{failure, host};

/// The text after `ERROR: `.
pub(crate) fn text(error: &anyhow::Error) -> String {
    if host::is_called_pack()
        && let Some(line) = failure::as_pack(error)
    {
        return line;
    }
    let mut text = one_line(error);
    for detail in failure::details(error) {
        push(&mut text, format_args!("\n  {detail}"));
    }
    for hint in failure::hints(error) {
        push(&mut text, format_args!("\n  hint: {hint}"));
    }
    text
}

/// The chain, joined by colons as pack's users know it. A cause of several lines (a piece of TOML) goes below.
fn one_line(error: &anyhow::Error) -> String {
    let mut text = String::new();
    let mut below = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        // An error that only passes its source on would say everything twice.
        if text.ends_with(&cause) && !text.is_empty() {
            continue;
        }
        if cause.trim_end().contains('\n') {
            push(&mut below, format_args!("\n{}", cause.trim_end()));
        } else {
            let separator = if text.is_empty() { "" } else { ": " };
            push(&mut text, format_args!("{separator}{cause}"));
        }
    }
    text + &below.replace('\n', "\n  ")
}

fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).expect("writing to a String cannot fail");
}
