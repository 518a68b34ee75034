//! How long a sandbox takes, from the call to the executed program, and to the end of `/bin/true`.
//!
//!     cargo run --release -p baler-sandbox --example start_time -- [LOWER…]
//!
//! Without directories it makes one that has nothing but the static `/bin/busybox`. The map is the best that the
//! caller can have; `SINGLE=1` asks for the single id.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use baler_sandbox::{
    Command, Executor as _, HostIds, IdMap, Identity, NativeExecutor, Root, SandboxProgram, Stream, dispatch,
};
use fs_err as fs;

const RUNS: usize = 200;
const BUILD_USER: (u32, u32) = (1000, 1000);

fn main() -> ExitCode {
    if let Some(code) = dispatch(&[]) {
        return code;
    }
    match measure(std::env::args_os().skip(1).collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "ERROR: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: Vec<OsString>) -> Result<(), Box<dyn std::error::Error>> {
    let home = PathBuf::from(format!("/tmp/baler-sandbox-start-time-{}", std::process::id()));
    let scratch = home.join("scratch");
    fs::create_dir_all(&scratch)?;
    let mut lower: Vec<PathBuf> = arguments.into_iter().map(PathBuf::from).collect();
    if lower.is_empty() {
        lower.push(home.join("lower"));
        fs::create_dir_all(home.join("lower/bin"))?;
        fs::copy("/bin/busybox", home.join("lower/bin/true"))?;
    }
    let caller = Identity {
        uid: rustix::process::geteuid().as_raw(),
        gid: rustix::process::getegid().as_raw(),
        user_name: std::env::var("USER").ok(),
    };
    let host = HostIds::read(&caller, &["/usr/bin".into()])?;
    let single = std::env::var_os("SINGLE").is_some();
    let id_map = if single { IdMap::single(&caller, BUILD_USER) } else { IdMap::choose(&caller, BUILD_USER, &host) };
    let mut output = io::stdout();
    writeln!(output, "{} directories, id map {:?}, {RUNS} runs", lower.len(), id_map.mode())?;
    let executor = NativeExecutor::new(SandboxProgram::current(), id_map);
    let root = Root { lower, scratch, ..Root::default() };
    let (mut started, mut ended) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let (start, end) = run_once(&executor, &root)?;
        started.push(start);
        ended.push(end);
    }
    write_line(&mut output, "start to exec", started)?;
    write_line(&mut output, "start to end", ended)?;
    remove(&home);
    Ok(())
}

fn run_once(executor: &NativeExecutor, root: &Root) -> Result<(Duration, Duration), Box<dyn std::error::Error>> {
    let mut command = Command::new(["/bin/true"], BUILD_USER);
    (command.stdout, command.stderr) = (Stream::Null, Stream::Null);
    let begin = Instant::now();
    let running = executor.start(root, command)?;
    let started = begin.elapsed();
    running.wait()?;
    Ok((started, begin.elapsed()))
}

fn write_line(output: &mut impl io::Write, what: &str, mut times: Vec<Duration>) -> io::Result<()> {
    times.sort_unstable();
    let (least, median, most) = (times[0], times[times.len() / 2], times[times.len() - 1]);
    writeln!(output, "{what}: min {least:.2?}, median {median:.2?}, max {most:.2?}")
}

fn remove(home: &Path) {
    // What stays is small and in /tmp.
    let _ = fs::remove_dir_all(home);
}
