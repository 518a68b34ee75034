//! Requests that are not answered for a while are told of, so that nobody wonders what is waited for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::client::lock;
use crate::event::{Event, Listener};

/// Who looks at the requests that wait.
pub(crate) struct Silence(Arc<Shared>);

struct Shared {
    /// How long an answer is waited for before that is said.
    patience: Duration,
    /// How long it is waited for at all.
    limit: Duration,
    listener: Listener,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: BTreeMap<u64, Waiting>,
    next: u64,
    /// Whether somebody looks at them.
    is_watched: bool,
}

struct Waiting {
    since: Instant,
    method: String,
    url: String,
    is_told: bool,
}

/// A request; it waits until this is dropped.
pub(crate) struct Asked {
    shared: Arc<Shared>,
    number: u64,
}

impl Silence {
    pub(crate) fn new(patience: Duration, limit: Duration, listener: Listener) -> Self {
        Self(Arc::new(Shared { patience, limit, listener, state: Mutex::default() }))
    }

    /// A request is sent.
    pub(crate) fn begin(&self, method: &str, url: &impl ToString) -> Asked {
        let waiting =
            Waiting { since: Instant::now(), method: method.to_owned(), url: url.to_string(), is_told: false };
        let mut state = lock(&self.0.state);
        let number = state.next;
        state.next += 1;
        state.waiting.insert(number, waiting);
        if !state.is_watched {
            let shared = Arc::clone(&self.0);
            // Without a thread nothing is told.
            let watcher = std::thread::Builder::new().name("silence".to_owned()).spawn(move || shared.watch());
            state.is_watched = watcher.is_ok();
        }
        Asked { shared: Arc::clone(&self.0), number }
    }
}

impl Shared {
    /// Looks now and then, until nothing waits.
    fn watch(&self) {
        loop {
            std::thread::sleep(self.patience / 4);
            let mut state = lock(&self.state);
            if state.waiting.is_empty() {
                state.is_watched = false;
                return;
            }
            let late =
                state.waiting.values_mut().filter(|asked| !asked.is_told && asked.since.elapsed() >= self.patience);
            let told: Vec<_> = late
                .map(|asked| {
                    asked.is_told = true;
                    (asked.method.clone(), asked.url.clone(), asked.since.elapsed())
                })
                .collect();
            drop(state);
            for (method, url, waited) in told {
                self.listener.tell(&Event::Silent { method: &method, url: &url, waited, limit: self.limit });
            }
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        lock(&self.shared.state).waiting.remove(&self.number);
    }
}
