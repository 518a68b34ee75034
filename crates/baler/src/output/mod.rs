//! The only place that writes to the terminal.
//!
//! Results and what phases say go to standard output, errors and progress to standard error. Live lines are drawn only
//! where both are terminals; without them the text is the same, line for line.

mod json;
mod live;
mod recorder;
mod time_line;

use std::io::{self, IsTerminal, Write};

use baler_platform::output::{Event, Level, Observer, Output, Step};

use crate::arguments::{GlobalArguments, ProgressFormat};
use json::JsonLines;
use live::Live;
use recorder::Recorder;
pub(crate) use time_line::Page;

/// How lines look and which are left out.
#[derive(Clone, Copy, Debug)]
struct Style {
    level: Level,
    color: bool,
    timestamps: bool,
    /// Only warnings and the result.
    quiet: bool,
}

/// Standard output and standard error of the program.
pub(crate) struct Console {
    style: Style,
    live: Option<Live>,
    json: Option<JsonLines>,
    /// When what was done.
    pub(crate) recorder: Recorder,
}

impl Console {
    /// The console that these flags ask for.
    pub(crate) fn new(arguments: &GlobalArguments) -> Self {
        let terminal = io::stdout().is_terminal() && io::stderr().is_terminal();
        let style = Style {
            level: if arguments.verbose { Level::Debug } else { Level::Info },
            color: arguments.force_color
                || io::stdout().is_terminal() && !arguments.no_color && std::env::var_os("NO_COLOR").is_none(),
            timestamps: arguments.timestamps,
            quiet: arguments.quiet && !arguments.verbose,
        };
        let is_live = terminal && !style.quiet && !arguments.verbose && arguments.progress == ProgressFormat::Auto;
        let json = (arguments.progress == ProgressFormat::Json).then(JsonLines::new);
        Self { style, live: is_live.then(Live::new), json, recorder: Recorder::new() }
    }

    /// A result: printed whatever the level.
    pub(crate) fn result(&self, text: &str) {
        match &self.json {
            Some(json) => json.result(text),
            None => self.write_line(text),
        }
    }

    /// Bytes for standard output, as they are; nothing live is drawn meanwhile.
    pub(crate) fn raw(&self, bytes: &[u8]) -> io::Result<()> {
        let mut result = Ok(());
        self.suspended(|| {
            let mut stdout = io::stdout().lock();
            result = stdout.write_all(bytes).and_then(|()| stdout.flush());
        });
        result
    }

    /// An error, with its causes and hints.
    pub(crate) fn error(&self, text: &str) {
        if let Some(json) = &self.json {
            json.error(text);
        }
        let label = if self.style.color { "\u{1b}[31;1mERROR: \u{1b}[0m" } else { "ERROR: " };
        self.suspended(|| {
            // A closed standard error leaves nobody to tell.
            let _ = writeln!(io::stderr().lock(), "{label}{text}");
        });
    }

    /// Whether results alone are wanted.
    pub(crate) fn is_quiet(&self) -> bool {
        self.style.quiet
    }

    /// Whether more is wanted than most people want.
    pub(crate) fn is_verbose(&self) -> bool {
        self.style.level == Level::Debug
    }

    fn write_line(&self, text: &str) {
        let prefix = if self.style.timestamps { timestamp() } else { String::new() };
        self.suspended(|| {
            let mut stdout = io::stdout().lock();
            // Ends at a broken pipe like any filter; the build itself goes on.
            let _ = writeln!(stdout, "{prefix}{text}").and_then(|()| stdout.flush());
        });
    }

    fn suspended(&self, write: impl FnOnce()) {
        match &self.live {
            Some(live) => live.suspended(write),
            None => write(),
        }
    }
}

impl Output for Console {
    fn line(&self, level: Level, text: &str) {
        if level < self.style.level || (self.style.quiet && level < Level::Warning) {
            return;
        }
        if let Some(json) = &self.json {
            return json.line(level, text);
        }
        match (level, self.style.color) {
            (Level::Warning, true) => self.write_line(&format!("\u{1b}[33;1mWarning: \u{1b}[0m{text}")),
            (Level::Warning, false) => self.write_line(&format!("Warning: {text}")),
            (Level::Debug | Level::Info, _) => self.write_line(text),
        }
    }

    fn bytes(&self, bytes: &[u8]) {
        if self.style.quiet {
            return;
        }
        if let Some(json) = &self.json {
            return json.bytes(bytes);
        }
        let write = |bytes: &[u8]| {
            let mut stdout = io::stdout().lock();
            let _ = stdout.write_all(bytes).and_then(|()| stdout.flush());
        };
        match &self.live {
            Some(live) => live.lines(bytes, write),
            None => write(bytes),
        }
    }

    fn heading(&self, step: Step) {
        let Some(heading) = step.heading().map(|heading| format!("===> {heading}")) else { return };
        let colored = self.style.color && self.json.is_none();
        self.line(Level::Info, &if colored { format!("\u{1b}[36m{heading}\u{1b}[0m") } else { heading });
    }
}

impl Observer for Console {
    fn event(&self, event: &Event) {
        self.recorder.event(event);
        if let Some(json) = &self.json {
            json.event(event);
        }
        if let Some(live) = &self.live {
            live.event(event);
        }
    }
}

/// `YYYY/MM/DD HH:MM:SS.ffffff `, as pack writes it.
fn timestamp() -> String {
    jiff::ZonedDateTime::now().strftime("%Y/%m/%d %H:%M:%S%.6f ").to_string()
}
