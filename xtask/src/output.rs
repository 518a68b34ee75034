//! The only place that prints.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a chore talks to a person")]

/// One line about what is being done.
pub(crate) fn step(text: &str) {
    println!("xtask: {text}");
}

/// An error with its causes, one to a line.
pub(crate) fn error(error: &anyhow::Error) {
    eprintln!("ERROR: {error}");
    for cause in error.chain().skip(1) {
        eprintln!("  caused by: {cause}");
    }
}
