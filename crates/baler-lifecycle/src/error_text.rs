//! Errors as text, in warnings: where no caller is left to print their causes.

use std::error::Error;
use std::fmt::Write as _;

/// An error and its causes on one line.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string().trim_end().to_owned();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        let cause_text = cause_text.trim_end();
        // Transparent errors say the same as what they wrap.
        if !text.ends_with(cause_text) {
            write!(text, ": {cause_text}").expect("writing to a String cannot fail");
        }
        next = cause.source();
    }
    text
}
