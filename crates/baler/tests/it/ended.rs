//! A build that is ended from outside, or one of whose processes is: nothing remains running, mounted or in work, and the
//! next build is as good as ever.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::killed::wait_until_all_ended;
use crate::support::{Place, Terminal, User, application, buildpack, spawn, users};

/// It waits where the application asks for it, with a process in a session of its own that ignores signals.
const SCRIPT: &str = "mkdir -p \"$1/kept\"; [ -e \"$1/kept/file\" ] || echo x >\"$1/kept/file\"
printf '[types]\\nlaunch = true\\ncache = true\\n' >\"$1/kept.toml\"
[ ! -e wait ] || { (trap '' TERM INT HUP; busybox setsid sleep 4716 &); echo waiting; sleep 4716; }";

const BUILD: [&str; 6] = ["build", "app", "-B", "builder", "-p", "app"];

fn place(user: User) -> Option<Place> {
    let place = Place::with_builder(user, &["waits"])?;
    buildpack(&place, "waits", "exit 0", SCRIPT);
    application(&place, &[("a.txt", "a")]);
    place.create_builder();
    Some(place)
}

fn digest(place: &Place) -> String {
    let _ = std::fs::remove_file(place.path().join("app/wait"));
    let digest = place.build(&["-q"]).success().stdout;
    crate::support::write(&place.path().join("app/wait"), "");
    digest
}

/// The processes of a build, from the program down to the buildpack's own.
#[derive(Clone, Copy, Debug)]
enum Victim {
    Front,
    Helper,
    FirstProcess,
    Phase,
    Buildpack,
}

/// Parents and command lines of all processes.
fn processes() -> BTreeMap<i32, (i32, String)> {
    let entries = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let process = |entry: std::fs::DirEntry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        let parent = stat.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok()?;
        let line = std::fs::read(entry.path().join("cmdline")).ok()?;
        Some((pid, (parent, String::from_utf8_lossy(&line).replace('\0', " "))))
    };
    entries.filter_map(process).collect()
}

/// The victim among the descendants of the program, once the buildpack is waiting.
fn find(victim: Victim, front: i32) -> Option<i32> {
    let processes = processes();
    let parent = |pid: i32| processes.get(&pid).map(|(parent, _)| *parent);
    // The buildpack's shell has a child that waits; the chain from there leads up to the program.
    let waiting = |(pid, (_, line)): (&i32, &(i32, String))| line.starts_with("sleep 4716").then_some(*pid);
    let chain = |pid: i32| -> Vec<i32> { std::iter::successors(Some(pid), |pid| parent(*pid)).take(12).collect() };
    let chains = processes.iter().filter_map(waiting).map(chain);
    // sleep, buildpack, phase, first process, helper, program; `setpriv` has become the program.
    let chain = chains.into_iter().find(|chain| chain.get(5) == Some(&front))?;
    Some(match victim {
        Victim::Buildpack => chain[1],
        Victim::Phase => chain[2],
        Victim::FirstProcess => chain[3],
        Victim::Helper => chain[4],
        Victim::Front => front,
    })
}

#[test]
fn whichever_process_is_ended_nothing_remains() {
    let cases = [
        (Victim::Front, Signal::INT, Some(130)),
        (Victim::Front, Signal::TERM, Some(130)),
        (Victim::Front, Signal::HUP, Some(130)),
        (Victim::Front, Signal::QUIT, Some(130)),
        (Victim::Front, Signal::KILL, None),
        (Victim::Helper, Signal::KILL, Some(1)),
        (Victim::FirstProcess, Signal::KILL, Some(1)),
        (Victim::Phase, Signal::KILL, Some(1)),
        (Victim::Buildpack, Signal::KILL, Some(1)),
    ];
    for user in users() {
        let Some(place) = place(user) else { return };
        let expected = digest(&place);
        for (victim, signal, code) in cases {
            let case = format!("{user:?}: {victim:?} {signal:?}");
            let mut child = spawn(place.command(&BUILD).stdout(Stdio::null()).stderr(Stdio::null()));
            let front = i32::try_from(child.id()).unwrap();
            let deadline = Instant::now() + Duration::from_mins(1);
            let pid = loop {
                if let Some(pid) = find(victim, front) {
                    break pid;
                }
                assert!(Instant::now() < deadline && child.try_wait().unwrap().is_none(), "{case}: no buildpack waits");
                std::thread::sleep(Duration::from_millis(10));
            };
            kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
            assert_eq!(child.wait().unwrap().code(), code, "{case}");
            wait_until_all_ended(place.path());
            // Of the program's own death the next start takes care.
            place.run(&["images"]).success();
            let left: Vec<_> = std::fs::read_dir(place.store().join("tmp")).unwrap().collect();
            assert!(left.is_empty(), "{case}: {left:?}");
        }
        assert_eq!(digest(&place), expected, "{user:?}");
    }
}

#[test]
fn a_terminal_that_is_closed_ends_the_build() {
    for user in users() {
        let Some(place) = place(user) else { return };
        let expected = digest(&place);
        let Some(mut terminal) = Terminal::start(&place, &BUILD) else { return };
        terminal.wait_for("waiting");
        assert_eq!(terminal.close(), Some(130), "{user:?}");
        wait_until_all_ended(place.path());
        let left: Vec<_> = std::fs::read_dir(place.store().join("tmp")).unwrap().collect();
        assert!(left.is_empty(), "{user:?}: {left:?}");
        assert_eq!(digest(&place), expected, "{user:?}");
    }
}
