//! One live line per running thing, below the text.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use baler_platform::output::{Event, Step};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// The live lines at the bottom of the terminal.
pub(super) struct Live {
    lines: MultiProgress,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    step: Option<ProgressBar>,
    layers: BTreeMap<String, ProgressBar>,
    /// The beginning of a line whose end has not come yet; printing it would tear the live lines.
    partial: Vec<u8>,
}

impl Live {
    pub(super) fn new() -> Self {
        Self { lines: MultiProgress::new(), state: Mutex::default() }
    }

    /// Writes while the live lines are out of the way.
    pub(super) fn suspended(&self, write: impl FnOnce()) {
        self.lines.suspend(write);
    }

    /// Hands on whole lines; the rest waits for its end.
    pub(super) fn lines(&self, bytes: &[u8], write: impl Fn(&[u8])) {
        let Ok(mut state) = self.state.lock() else { return };
        state.partial.extend_from_slice(bytes);
        let Some(end) = state.partial.iter().rposition(|byte| *byte == b'\n') else { return };
        let whole: Vec<u8> = state.partial.drain(..=end).collect();
        drop(state);
        self.suspended(|| write(&whole));
    }

    pub(super) fn event(&self, event: &Event<'_>) {
        let Ok(mut state) = self.state.lock() else { return };
        match event {
            Event::Started(step) => state.step = Some(self.spinner(*step)),
            Event::Finished(..) => {
                state.finish();
                let rest = std::mem::take(&mut state.partial);
                drop(state);
                if !rest.is_empty() {
                    self.suspended(|| print_rest(&rest));
                }
            }
            Event::Unpacking { name, done, total } => self.advance(&mut state, "unpacking", name, (*done, *total)),
            Event::Transferring { transfer, name, done, total } => {
                self.advance(&mut state, transfer.word(), name, (*done, *total));
            }
        }
    }

    fn spinner(&self, step: Step) -> ProgressBar {
        let bar = self.lines.add(ProgressBar::new_spinner());
        bar.set_style(
            ProgressStyle::with_template("{spinner} {msg} {elapsed}").unwrap_or(ProgressStyle::default_spinner()),
        );
        bar.set_message(step.name());
        bar.enable_steady_tick(Duration::from_millis(120));
        bar
    }

    fn advance(&self, state: &mut State, what: &str, name: &str, (done, total): (u64, u64)) {
        let what = format!("{what} {name}");
        let bar = state.layers.entry(what.clone()).or_insert_with(|| self.bar(&what, total));
        bar.set_position(done);
        if done >= total {
            bar.finish_and_clear();
        }
    }

    fn bar(&self, name: &str, total: u64) -> ProgressBar {
        let bar = self.lines.add(ProgressBar::new(total));
        let template = "  {msg} {bar:20} {bytes}/{total_bytes} {bytes_per_sec}";
        bar.set_style(ProgressStyle::with_template(template).unwrap_or(ProgressStyle::default_bar()));
        bar.set_message(name.to_owned());
        bar
    }
}

impl State {
    fn finish(&mut self) {
        for bar in self.step.take().into_iter().chain(std::mem::take(&mut self.layers).into_values()) {
            bar.finish_and_clear();
        }
    }
}

fn print_rest(rest: &[u8]) {
    use std::io::Write as _;
    let mut stdout = std::io::stdout().lock();
    let _ = stdout.write_all(rest).and_then(|()| stdout.write_all(b"\n"));
}
