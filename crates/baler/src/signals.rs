//! Signals that end the program: the first one stops the work, a later one does not wait for it.

use std::io;
use std::time::Duration;

use baler_platform::interrupt::Interrupt;
use baler_sandbox::Signal;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;

/// How long work in this process may take to stop. What it leaves is removed at the next start.
const GRACE: Duration = Duration::from_secs(5);

/// Hands signals to `interrupt` from now on.
pub(crate) fn listen(interrupt: Interrupt) -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGQUIT, SIGTERM, SIGHUP])?;
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for number in signals.forever() {
            let signal = match number {
                SIGHUP => Signal::HUP,
                SIGTERM => Signal::TERM,
                SIGQUIT => Signal::QUIT,
                _ => Signal::INT,
            };
            let was_stopping = interrupt.check().is_err();
            interrupt.trigger(signal);
            if was_stopping {
                end(number);
            }
            if interrupt.check().is_err() {
                std::thread::spawn(move || {
                    std::thread::sleep(GRACE);
                    end(number);
                });
            }
        }
    })?;
    Ok(())
}

#[expect(clippy::disallowed_methods, clippy::exit, reason = "the user does not want to wait for destructors")]
fn end(number: i32) {
    std::process::exit(128 + number);
}
