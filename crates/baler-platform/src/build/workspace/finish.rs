//! The directories of a copy, once everything in them is in place: those that are not wanted go, the others get mode,
//! owner and times.

use std::collections::HashMap;
use std::io;

use rustix::fs::{AtFlags, CWD, Mode};
use rustix::io::Errno;

use super::WorkspaceError;
use super::entry::{Copier, times};
use super::mirror::{Done, Mirror};
use super::record::{NewDirectory, Pair, Record};
use super::state::{State, Time};
use super::tree::{Marks, below, lift_path};

/// Finishes the directories, which are sorted, and gives the new record with the latest change.
pub(super) fn finish(
    mirror: &Mirror<'_>,
    marks: &Marks,
    directories: &[Done],
) -> Result<(Option<Vec<u8>>, Time), WorkspaceError> {
    let mut pairs: HashMap<&[u8], Pair> = HashMap::new();
    let mut latest = Time::default();
    let copier = Copier::new(mirror.owner);
    // What is below comes first.
    for done in directories.iter().rev() {
        let uncopied = |error: io::Error| mirror.uncopied(&done.path, error);
        if !done.is_kept && is_gone(mirror, marks, done).map_err(uncopied)? {
            continue;
        }
        let known = mirror.record.and_then(|record| record.pair(&done.path));
        let is_same = known.is_some_and(|known| attributes(known.source) == attributes(done.source));
        let mut tree = done.tree;
        if !is_same || marks.has(&done.path) {
            tree = set_attributes(mirror, &copier, done).map_err(uncopied)?;
            latest = latest.max(tree.changed);
        }
        pairs.insert(&done.path, Pair { source: done.source, tree });
    }
    let Some(recording) = mirror.recording else { return Ok((None, latest)) };
    let is_recorded = |record: &Record| {
        record.len() == pairs.len()
            && directories.iter().all(|done| match pairs.get(done.path.as_slice()) {
                Some(pair) => done.is_recorded && record.pair(&done.path) == Some(*pair),
                None => true,
            })
    };
    if mirror.record.is_some_and(is_recorded) {
        return Ok((None, latest));
    }
    let new = directories.iter().filter_map(|done| {
        let pair = *pairs.get(done.path.as_slice())?;
        let recorded =
            if done.is_recorded { mirror.record.and_then(|record| record.directory(&done.path)) } else { None };
        let entries = recorded.map_or(done.entries.as_slice(), |found| found.bytes);
        Some(NewDirectory { path: &done.path, pair, count: done.count, entries })
    });
    Ok((Some(Record::encode(recording.owner, new)), latest))
}

/// What a copy of a directory has of it.
fn attributes(state: State) -> (u32, Time) {
    (state.permissions(), state.modified)
}

/// Whether a directory that does not take part by itself is not there, or was removed since nothing is in it.
fn is_gone(mirror: &Mirror<'_>, marks: &Marks, done: &Done) -> io::Result<bool> {
    if done.is_absent && !marks.has(&done.path) {
        return Ok(true);
    }
    let place = below(mirror.target, &done.path);
    let parent = &done.path[..done.path.iter().rposition(|byte| *byte == b'/').unwrap_or(0)];
    loop {
        match rustix::fs::rmdir(&place) {
            Ok(()) => {
                marks.add(parent);
                return Ok(true);
            }
            Err(Errno::NOTEMPTY | Errno::EXIST) => return Ok(false),
            Err(Errno::ACCESS) if lift_path(&below(mirror.target, parent))? => marks.add(parent),
            Err(error) => return Err(error.into()),
        }
    }
}

fn set_attributes(mirror: &Mirror<'_>, copier: &Copier, done: &Done) -> io::Result<State> {
    let place = below(mirror.target, &done.path);
    let is_root = done.path.is_empty();
    let mode = if is_root { mirror.root_mode } else { Some(done.source.permissions()) };
    copier.give(CWD, &place)?;
    if let Some(mode) = mode {
        rustix::fs::chmod(&place, Mode::from_raw_mode(mode))?;
        rustix::fs::utimensat(CWD, &place, &times(&done.source), AtFlags::SYMLINK_NOFOLLOW)?;
    }
    Ok(State::of(&rustix::fs::lstat(&place)?))
}
