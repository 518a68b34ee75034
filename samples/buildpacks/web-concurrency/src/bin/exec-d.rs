//! Runs when a container starts, before the application: sets WEB_CONCURRENCY from the processors and the memory that
//! this container may use, unless the person who starts it did.

use libcnb::data::exec_d::ExecDProgramOutputKey;
use libcnb::data::exec_d_program_output_key;
use libcnb::exec_d::write_exec_d_program_output;
use std::collections::HashMap;
use std::thread::available_parallelism;

const MEMORY_PER_WORKER: u64 = 256 * 1024 * 1024;

fn main() {
    let mut variables: HashMap<ExecDProgramOutputKey, String> = HashMap::new();
    if std::env::var_os("WEB_CONCURRENCY").is_none() {
        let processors = available_parallelism().map_or(1, |count| count.get() as u64);
        let workers = concurrency(processors, memory_limit());
        variables.insert(exec_d_program_output_key!("WEB_CONCURRENCY"), workers.to_string());
    }
    write_exec_d_program_output(variables);
}

/// The limit of the control group; none where it says `max`, or where there is no control group to see.
fn memory_limit() -> Option<u64> {
    let text = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok()?;
    text.trim().parse().ok()
}

fn concurrency(processors: u64, memory_limit: Option<u64>) -> u64 {
    let fitting = memory_limit.map_or(processors, |limit| limit / MEMORY_PER_WORKER);
    processors.min(fitting).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_bound_by_processors_and_memory() {
        assert_eq!(concurrency(4, None), 4);
        assert_eq!(concurrency(4, Some(2 * MEMORY_PER_WORKER)), 2);
        assert_eq!(concurrency(4, Some(1)), 1);
    }
}
