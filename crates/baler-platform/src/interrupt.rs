//! What happens when the user ends the program: what runs inside ends at once, and the rest stops where it is.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex};

use baler_lifecycle::interruptible::Stop;
use baler_sandbox::{Control, Signal};

/// Shared by the thread that receives signals and the one that works.
#[derive(Clone, Default)]
pub struct Interrupt {
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    triggered: AtomicBool,
    /// The number of the signal that came while nothing ran.
    early: AtomicI32,
    running: Mutex<Option<Watched>>,
}

struct Watched {
    control: Arc<dyn Control>,
    reaction: Reaction,
}

/// What a signal does to the command that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// Everything inside is killed: a build.
    Kill,
    /// The command gets the signal and decides: an app.
    Forward,
    /// The same, but the command is in the foreground of the caller's terminal, which sends it what its keys mean.
    ForwardAtTerminal,
}

/// Work was stopped because the user ended the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted;

impl Interrupt {
    /// A signal came.
    pub fn trigger(&self, signal: Signal) {
        let Ok(running) = self.state.running.lock() else { return };
        match running.as_ref() {
            Some(Watched { control, reaction: Reaction::Forward }) => control.signal(signal),
            Some(Watched { control, reaction: Reaction::ForwardAtTerminal }) => {
                // A second time, an app might take it for impatience.
                if !matches!(signal, Signal::INT | Signal::QUIT) {
                    control.signal(signal);
                }
            }
            Some(Watched { control, reaction: Reaction::Kill }) => {
                self.state.triggered.store(true, Ordering::SeqCst);
                control.kill();
            }
            None => {
                self.state.early.store(signal.as_raw(), Ordering::SeqCst);
                self.state.triggered.store(true, Ordering::SeqCst);
            }
        }
    }

    /// Fails if the user has ended the program.
    pub fn check(&self) -> Result<(), Interrupted> {
        if self.state.triggered.load(Ordering::SeqCst) { Err(Interrupted) } else { Ok(()) }
    }

    /// Runs `wait` while signals go to `control`.
    pub(crate) fn watch<T>(&self, control: &Arc<dyn Control>, reaction: Reaction, wait: impl FnOnce() -> T) -> T {
        self.set(Some(Watched { control: Arc::clone(control), reaction }));
        // A signal may have come between the start and here.
        if self.check().is_err() {
            self.catch_up(control.as_ref(), reaction);
        }
        let result = wait();
        self.set(None);
        result
    }

    fn catch_up(&self, control: &dyn Control, reaction: Reaction) {
        match reaction {
            Reaction::Kill => control.kill(),
            Reaction::Forward | Reaction::ForwardAtTerminal => {
                self.state.triggered.store(false, Ordering::SeqCst);
                // Of a terminal's key it is not known whether the command was there already: rather twice than never.
                match Signal::from_named_raw(self.state.early.load(Ordering::SeqCst)) {
                    Some(signal) => control.signal(signal),
                    None => control.kill(),
                }
            }
        }
    }

    fn set(&self, watched: Option<Watched>) {
        if let Ok(mut running) = self.state.running.lock() {
            *running = watched;
        }
    }
}

impl Stop for Interrupt {
    fn check_stop(&self) -> io::Result<()> {
        self.check().map_err(io::Error::other)
    }
}
