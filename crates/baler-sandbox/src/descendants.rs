//! All that this process has started, and what that has started, found in `/proc` and ended.
//!
//! For commands without a pid namespace. This process must be a reaper of its descendants
//! (`PR_SET_CHILD_SUBREAPER`), so that none of them can leave the tree.

use std::collections::BTreeMap;

use fs_err as fs;
use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, waitpid};

/// Kills all descendants of this process. They are stopped first: what is stopped starts nothing while others are looked for.
pub(crate) fn kill() {
    loop {
        let mut stopped = Vec::new();
        loop {
            let found: Vec<Pid> = living().into_iter().filter(|pid| !stopped.contains(pid)).collect();
            if found.is_empty() {
                break;
            }
            for pid in found {
                let _ = kill_process(pid, Signal::STOP);
                stopped.push(pid);
            }
        }
        let killed = stopped.into_iter().filter(|pid| kill_process(*pid, Signal::KILL).is_ok()).count();
        if killed == 0 {
            return;
        }
        // Until they are gone, which takes the kernel a moment.
        std::thread::yield_now();
    }
}

/// Kills all descendants, and reaps those that have become children of this process.
pub(crate) fn kill_and_reap() {
    kill();
    for (pid, process) in processes() {
        if process.parent == getpid()
            && process.is_dead
            && let Some(pid) = Pid::from_raw(pid)
        {
            let _ = waitpid(Some(pid), WaitOptions::NOHANG);
        }
    }
}

/// The descendants that have not ended.
fn living() -> Vec<Pid> {
    let processes = processes();
    let own = getpid();
    let mut living = Vec::new();
    for (pid, process) in &processes {
        if !process.is_dead && descends(process, own, &processes) {
            living.extend(Pid::from_raw(*pid));
        }
    }
    living
}

fn descends(process: &Process, ancestor: Pid, processes: &BTreeMap<i32, Process>) -> bool {
    let mut parent = process.parent;
    // Pids may be reused while we read, and so seem to make a circle.
    for _ in 0..=processes.len() {
        if parent == ancestor {
            return true;
        }
        match processes.get(&parent.as_raw_nonzero().get()) {
            Some(process) => parent = process.parent,
            None => return false,
        }
    }
    false
}

struct Process {
    parent: Pid,
    is_dead: bool,
}

fn processes() -> BTreeMap<i32, Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
    let process = |entry: fs::DirEntry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        Some((pid, parse(&fs::read(entry.path().join("stat")).ok()?)?))
    };
    entries.filter_map(process).collect()
}

/// `/proc/PID/stat`: number, name in parentheses, state, parent. The name may hold anything, parentheses too.
fn parse(stat: &[u8]) -> Option<Process> {
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let mut fields = stat[end + 1..].split(|byte| *byte == b' ').filter(|field| !field.is_empty());
    let state = fields.next()?;
    let parent = std::str::from_utf8(fields.next()?).ok()?.parse().ok()?;
    Some(Process { parent: Pid::from_raw(parent)?, is_dead: matches!(state, b"Z" | b"X") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_is_read_over() {
        let process = parse(b"17 (a ) R 1) b) S 4 17 17 0").unwrap();
        assert_eq!((process.parent, process.is_dead), (Pid::from_raw(4).unwrap(), false));
        assert!(parse(b"17 (x) Z 4 1").unwrap().is_dead);
        // Process 1 and threads of the kernel have no parent.
        assert!(parse(b"1 (init) S 0 1").is_none());
        assert!(parse(b"nothing").is_none());
    }
}
