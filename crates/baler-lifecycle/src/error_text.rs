//! Errors as text, in warnings: where no caller is left to print their causes.

use std::error::Error;
use std::fmt::Write as _;

/// An error and its causes on one line.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        // Transparent errors say the same as what they wrap.
        if !text.ends_with(&cause_text) {
            write!(text, ": {cause_text}").expect("writing to a String cannot fail");
        }
        next = cause.source();
    }
    text
}
