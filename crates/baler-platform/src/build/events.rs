//! What a phase in the sandbox says of its tasks, passed on.
//!
//! The phase is our program, but what runs beside it in the sandbox is not: lines that are no events, that are too long or
//! that end what has not begun are left out, and names are made fit for a terminal.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, PipeReader, Read as _};

use crate::output::{Event, Output, Task};

/// A longer line is no event.
const LONGEST_LINE: u64 = 16 << 10;
/// More tasks at a time than any phase has.
const MOST_TASKS: usize = 1024;

/// Passes events on until the other end closes.
pub(super) fn pass_on(reader: PipeReader, output: &dyn Output) {
    let mut reader = BufReader::new(reader);
    let mut open = BTreeSet::new();
    let mut line = Vec::new();
    loop {
        line.clear();
        match reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(_) => return,
        }
        let event = serde_json::from_slice(&line).ok().and_then(|event| accept(event, &mut open));
        if let Some(event) = event {
            output.event(&event);
        }
    }
}

fn accept(mut event: Event, open: &mut BTreeSet<Task>) -> Option<Event> {
    let task = match &mut event {
        Event::Started { task, .. } | Event::Advanced { task, .. } | Event::Finished { task, .. } => task,
    };
    task.name = task.name.chars().filter(|character| !character.is_control()).take(200).collect();
    let task = task.clone();
    let is_sound = match event {
        Event::Started { .. } => open.len() < MOST_TASKS && open.insert(task),
        Event::Advanced { .. } => open.contains(&task),
        Event::Finished { .. } => open.remove(&task),
    };
    is_sound.then_some(event)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::output::Activity;

    #[test]
    fn only_what_makes_sense_is_passed_on() {
        let mut open = BTreeSet::new();
        let task = Task::new(Activity::Build, "a\u{1b}[31m@1");
        let finished = Event::Finished { task: task.clone(), taken: Duration::ZERO, succeeded: true };
        assert_eq!(accept(finished.clone(), &mut open), None);
        let started = accept(Event::Started { task: task.clone(), total: None }, &mut open).unwrap();
        let clean = Task::new(Activity::Build, "a[31m@1");
        assert_eq!(started, Event::Started { task: clean, total: None });
        assert_eq!(accept(Event::Started { task, total: None }, &mut open), None);
        assert!(accept(finished.clone(), &mut open).is_some());
        assert_eq!(accept(finished, &mut open), None);
    }
}
