//! A child that is ended, with all that it has started.

use std::process::Child;

use rustix::process::{Pid, Signal, kill_process};

/// Kills the child and its descendants. They are stopped first: what is stopped starts nothing while others are looked for.
/// What has left the family, as daemons do, goes on.
pub(crate) fn end(child: &mut Child) {
    let mut stopped = Vec::new();
    let mut found = vec![Pid::from_child(child)];
    while let Some(process) = found.pop() {
        if !stopped.contains(&process) && kill_process(process, Signal::STOP).is_ok() {
            stopped.push(process);
        }
        if found.is_empty() {
            found =
                stopped.iter().flat_map(|process| children(*process)).filter(|pid| !stopped.contains(pid)).collect();
        }
    }
    for process in stopped {
        let _ = kill_process(process, Signal::KILL);
    }
    // It is a child, which has not been waited for before.
    let _ = child.wait();
}

/// As the kernel lists them for each thread (proc(5), `/proc/pid/task/tid/children`); none where it does not.
fn children(process: Pid) -> Vec<Pid> {
    let threads = fs_err::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| fs_err::read_to_string(thread.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<i32>>())
        .filter_map(Pid::from_raw)
        .collect()
}
