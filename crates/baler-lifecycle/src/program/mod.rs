//! The phases as programs: `detector`, `builder` and so on by the name they are called under, or `lifecycle PHASE`.
//!
//! Platform specification, "Lifecycle Interface". This is the front alone: arguments and environment in, files,
//! lines and exit codes out. Everything goes to standard output, as platforms expect of a lifecycle; only complaints
//! about the arguments go to standard error.

mod analyzer;
mod between;
mod builder;
mod caches;
mod creator;
mod daemon;
mod detector;
mod events;
mod experimental;
mod exporter;
mod extender;
mod failure;
mod flags;
mod generator;
mod interruptible;
mod places;
mod privileges;
mod rebaser;
mod registries;
mod restorer;
mod root_thread;
mod run_images;
mod settings;
mod signals;
mod sinks;
mod stdout_log;

use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use baler_cnb::api::PlatformApi;
use baler_cnb::environment::Environment;

pub use failure::{Failure, code};
pub use flags::{Flag, FlagError, FlagKind, FlagSet, Parsed};
pub use settings::Settings;
pub use stdout_log::{Level, StdoutLog};

use crate::interrupt::Interrupt;
use crate::log::Log as _;

/// What this program is called, and so what it does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Program {
    /// `lifecycle`: the first argument is the phase.
    #[default]
    Lifecycle,
    /// One phase.
    Phase(Phase),
}

/// A phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Analyzer,
    Detector,
    Restorer,
    Extender,
    Builder,
    Exporter,
    Creator,
    Rebaser,
}

/// Each phase, the name of its program, and its argument to `lifecycle`.
const PHASES: [(Phase, &str, &str); 8] = [
    (Phase::Analyzer, "analyzer", "analyze"),
    (Phase::Detector, "detector", "detect"),
    (Phase::Restorer, "restorer", "restore"),
    (Phase::Extender, "extender", "extend"),
    (Phase::Builder, "builder", "build"),
    (Phase::Exporter, "exporter", "export"),
    (Phase::Creator, "creator", "create"),
    (Phase::Rebaser, "rebaser", "rebase"),
];

impl Program {
    /// The program called `argv0`, a path or a name; `None` if a lifecycle has no program of this name.
    pub fn named(argv0: &OsStr) -> Option<Self> {
        let name = Path::new(argv0).file_stem()?;
        let phase = PHASES.iter().find(|(_, program, _)| name == *program);
        phase.map(|(phase, ..)| Self::Phase(*phase)).or_else(|| (name == "lifecycle").then_some(Self::Lifecycle))
    }
}

impl Phase {
    /// The name of its program.
    pub fn program_name(self) -> &'static str {
        PHASES.iter().find(|(phase, ..)| *phase == self).map_or("lifecycle", |(_, program, _)| program)
    }
}

/// Runs a program: `arguments` without its name, `environment` as the process has it.
pub fn run_program(program: Program, mut arguments: Vec<OsString>, environment: Environment) -> ExitCode {
    let phase = match program {
        Program::Phase(phase) => phase,
        Program::Lifecycle => {
            let word = if arguments.is_empty() { OsString::new() } else { arguments.remove(0) };
            if is_version(&word) {
                return print_version();
            }
            match PHASES.iter().find(|(_, _, argument)| word == *argument) {
                Some((phase, ..)) => *phase,
                None => return report(&Failure::arguments(format!("unknown phase: {:?}", word.to_string_lossy()))),
            }
        }
    };
    match run_phase(phase, &arguments, environment) {
        Ok(code) => code,
        Err(failure) => report(&failure),
    }
}

fn run_phase(phase: Phase, arguments: &[OsString], environment: Environment) -> Result<ExitCode, Failure> {
    // The API is looked at before anything else: all that follows depends on it.
    let api = PlatformApi::from_variable(environment.get("CNB_PLATFORM_API").map(OsStr::to_string_lossy).as_deref())
        .map_err(|error| Failure::new(code::PLATFORM_API, error))?;
    let known = flags_of(phase).iter().chain(&COMMON_FLAGS);
    let flags = known.filter(|flag| flag.is_in(api.version())).copied().collect();
    let set = FlagSet { program: phase.program_name(), flags };
    let parsed = match set.parse(arguments) {
        Ok(parsed) => parsed,
        Err(error) => return Ok(complain(&set, &error)),
    };
    if parsed.flag("version") {
        return Ok(print_version());
    }
    let settings = Settings::new(api, parsed, environment);
    let log = StdoutLog::new(settings.log_level()?).watched(events::writer(&settings.environment));
    for word in settings.late_flags() {
        log.warn(&format!("{word} stands behind the arguments, where it is no flag"));
    }
    let interrupt = Interrupt::new();
    let result = dispatch(phase, &Context { settings: &settings, log: &log, interrupt: &interrupt });
    match interrupt.signal() {
        None => result.map(|()| ExitCode::SUCCESS),
        // Whatever failed did so for that reason. A phase that was through with its work has not failed.
        Some(_) => result.map(|()| ExitCode::SUCCESS).map_err(|failure| failure.with_code(signals::code(&interrupt))),
    }
}

/// What a phase's front is given.
pub struct Context<'a> {
    pub settings: &'a Settings,
    pub log: &'a StdoutLog,
    pub interrupt: &'a Interrupt,
}

impl Context<'_> {
    /// Lets signals end what runs. A phase calls it once it is the user that it will stay.
    fn watch_signals(&self) -> Result<(), Failure> {
        signals::watch(self.interrupt).map_err(|error| Failure::new(code::FAILED, error))
    }
}

/// The flags that all phases have.
const COMMON_FLAGS: [Flag; 3] = [
    Flag::text("log-level", "logging level"),
    Flag::boolean("no-color", "disable color output"),
    Flag::boolean("version", "show version"),
];

/// The flags of a phase.
fn flags_of(phase: Phase) -> &'static [Flag] {
    match phase {
        Phase::Detector => detector::FLAGS,
        Phase::Builder => builder::FLAGS,
        Phase::Analyzer => analyzer::FLAGS,
        Phase::Restorer => restorer::FLAGS,
        Phase::Exporter => exporter::FLAGS,
        Phase::Creator => creator::FLAGS,
        Phase::Rebaser => rebaser::FLAGS,
        Phase::Extender => extender::FLAGS,
    }
}

fn dispatch(phase: Phase, context: &Context<'_>) -> Result<(), Failure> {
    match phase {
        Phase::Detector => timed("Detector", context, detector::run),
        Phase::Builder => timed("Builder", context, builder::run),
        Phase::Analyzer => timed("Analyzer", context, analyzer::run),
        Phase::Restorer => timed("Restorer", context, restorer::run),
        Phase::Exporter => timed("Exporter", context, exporter::run),
        Phase::Creator => timed("Creator", context, creator::run),
        Phase::Rebaser => timed("Rebaser", context, rebaser::run),
        Phase::Extender => timed("Extender", context, extender::run),
    }
}

/// Runs a phase and says, for those who look into it, when it began and how long it took.
fn timed(
    name: &str,
    context: &Context<'_>,
    run: impl FnOnce(&Context<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let started = std::time::Instant::now();
    context.log.debug(&format!("Timer: {name} started at {}", jiff::Timestamp::now()));
    let result = run(context);
    let elapsed = started.elapsed();
    context.log.debug(&format!("Timer: {name} ran for {elapsed:?} and ended at {}", jiff::Timestamp::now()));
    result
}

fn is_version(argument: &OsStr) -> bool {
    argument == "-version" || argument == "--version"
}

fn print_version() -> ExitCode {
    // A reader that has gone away is no concern.
    let _ = writeln!(std::io::stdout(), "{}", crate::version::of_programs());
    ExitCode::SUCCESS
}

/// Says what is wrong with the arguments, as Go programs do.
fn complain(set: &FlagSet, error: &FlagError) -> ExitCode {
    let mut stderr = std::io::stderr();
    match error {
        FlagError::Help => {
            let _ = stderr.write_all(set.usage().as_bytes());
            ExitCode::SUCCESS
        }
        FlagError::Undefined(_)
        | FlagError::MissingValue(_)
        | FlagError::Malformed(_)
        | FlagError::NotBoolean { .. }
        | FlagError::Unparsable { .. } => {
            let _ = write!(stderr, "{error}\n{}", set.usage());
            ExitCode::from(code::FLAGS)
        }
    }
}

fn report(failure: &Failure) -> ExitCode {
    let _ = writeln!(std::io::stdout(), "ERROR: {}", failure.text());
    ExitCode::from(failure.code())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_known_by_the_last_part_of_their_name() {
        let named = |name: &str| Program::named(OsStr::new(name));
        assert_eq!(named("/cnb/lifecycle/detector"), Some(Program::Phase(Phase::Detector)));
        assert_eq!(named("builder.exe"), Some(Program::Phase(Phase::Builder)));
        assert_eq!(named("lifecycle"), Some(Program::Lifecycle));
        assert_eq!(named("baler"), None);
        assert_eq!(named(""), None);
    }
}
