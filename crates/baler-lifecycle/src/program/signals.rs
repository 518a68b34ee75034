//! A signal to a phase program ends its modules first, then the program.

use std::io;
use std::time::Duration;

use rustix::process::Signal;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::failure::code;
use crate::interrupt::Interrupt;

/// How long a module may take to tidy up before it is killed.
const GRACE: Duration = Duration::from_secs(2);
/// The same for the program's own work.
const OWN_GRACE: Duration = Duration::from_millis(500);

/// Lets signals that ask the program to end trigger `interrupt`.
pub(super) fn watch(interrupt: &Interrupt) -> io::Result<()> {
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    let interrupt = interrupt.clone();
    let forward = move || {
        for number in signals.forever() {
            let is_repeated = interrupt.signal().is_some();
            let signal = match number {
                SIGHUP => Signal::HUP,
                SIGINT => Signal::INT,
                _ => Signal::TERM,
            };
            interrupt.trigger(if is_repeated { Signal::KILL } else { signal });
            if !is_repeated {
                end_later(interrupt.clone());
            }
        }
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(forward).map(drop)
}

/// Whoever is slow to end is killed. If all end at once, so does the program, and this thread with it.
fn end_later(interrupt: Interrupt) {
    std::thread::spawn(move || {
        if interrupt.has_running() {
            std::thread::sleep(GRACE);
            interrupt.trigger(Signal::KILL);
        }
        std::thread::sleep(OWN_GRACE);
        // What waits for a registry cannot be woken. Whatever was being written has not got its name yet.
        end_now(&interrupt);
    });
}

#[expect(clippy::exit, clippy::disallowed_methods, reason = "the other threads do not come back")]
fn end_now(interrupt: &Interrupt) {
    std::process::exit(i32::from(code(interrupt)));
}

/// The exit code of a program that a signal has ended, as shells give it.
pub(super) fn code(interrupt: &Interrupt) -> u8 {
    let signal = interrupt.signal().map_or(0, Signal::as_raw);
    u8::try_from(128 + signal).unwrap_or(code::FAILED)
}
