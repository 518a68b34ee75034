//! A signal to a phase program ends its modules first, then the program.

use std::io;
use std::time::Duration;

use rustix::process::Signal;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::interrupt::Interrupt;

/// How long a module may take to tidy up before it is killed.
const GRACE: Duration = Duration::from_secs(2);

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
                kill_later(interrupt.clone());
            }
        }
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(forward).map(drop)
}

/// Whoever is slow to end is killed. If all end at once, so does the program, and this thread with it.
fn kill_later(interrupt: Interrupt) {
    std::thread::spawn(move || {
        std::thread::sleep(GRACE);
        interrupt.trigger(Signal::KILL);
    });
}
