//! One live line per running thing, below the text.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use baler_platform::output::{Activity, Event, Task};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// The live lines at the bottom of the terminal.
pub(super) struct Live {
    lines: MultiProgress,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    bars: BTreeMap<Task, ProgressBar>,
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

    pub(super) fn event(&self, event: &Event) {
        let Ok(mut state) = self.state.lock() else { return };
        match event {
            Event::Started { task, total } => {
                let bar = self.begin(task, *total);
                state.bars.insert(task.clone(), bar);
            }
            Event::Advanced { task, bytes } => {
                if let Some(bar) = state.bars.get(task) {
                    bar.inc(*bytes);
                }
            }
            Event::Finished { task, .. } => {
                if let Some(bar) = state.bars.remove(task) {
                    bar.finish_and_clear();
                }
                let is_end = task.activity == Activity::Step;
                let rest = if is_end { std::mem::take(&mut state.partial) } else { Vec::new() };
                drop(state);
                if !rest.is_empty() {
                    self.suspended(|| print_rest(&rest));
                }
            }
        }
    }

    /// A bar where the size is known and will be told of, else a spinner.
    fn begin(&self, task: &Task, total: Option<u64>) -> ProgressBar {
        let message = match task.activity {
            Activity::Step => task.name.clone(),
            activity => format!("  {} {}", activity.name(), task.name),
        };
        let is_measured = matches!(task.activity, Activity::Pull | Activity::Push | Activity::Copy);
        let (bar, template) = match total.filter(|_| is_measured) {
            Some(total) => (ProgressBar::new(total), "{msg} {bar:20} {bytes}/{total_bytes} {bytes_per_sec}"),
            None => (ProgressBar::new_spinner(), "{spinner} {msg} {elapsed}"),
        };
        let bar = self.lines.add(bar);
        bar.set_style(ProgressStyle::with_template(template).unwrap_or(ProgressStyle::default_spinner()));
        bar.set_message(message);
        bar.enable_steady_tick(Duration::from_millis(120));
        bar
    }
}

fn print_rest(rest: &[u8]) {
    use std::io::Write as _;
    let mut stdout = std::io::stdout().lock();
    let _ = stdout.write_all(rest).and_then(|()| stdout.write_all(b"\n"));
}
