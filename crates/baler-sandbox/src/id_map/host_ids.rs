//! What the host says about ids: who owns which, and which of them the caller may give out.
//!
//! The formats are those of `subuid(5)`, `passwd(5)`, `group(5)` and `user_namespaces(7)`. Lines that do not parse are
//! skipped, as `newuidmap` does.

use std::path::{Path, PathBuf};

use fs_err as fs;
use rustix::fs::{Access, access};
use serde::{Deserialize, Serialize};

use super::Identity;

/// `count` ids from `start` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdRange {
    /// The first one.
    pub start: u32,
    /// How many.
    pub count: u32,
}

/// The programs that map sub-ids: `newuidmap(1)` and `newgidmap(1)`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mappers {
    /// Where `newuidmap` is.
    pub newuidmap: PathBuf,
    /// Where `newgidmap` is.
    pub newgidmap: PathBuf,
}

/// What the host says about ids, as far as a map needs it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostIds {
    /// The caller's sub-ids for users, in the order of the file.
    pub sub_uids: Vec<IdRange>,
    /// The caller's sub-ids for groups.
    pub sub_gids: Vec<IdRange>,
    /// Ids of users and groups that somebody owns, sub-ids of all users included.
    pub owned: Vec<IdRange>,
    /// Ids that exist here at all: inside a container often not all do.
    pub available: Vec<IdRange>,
    /// The programs that map sub-ids, if both exist.
    pub mappers: Option<Mappers>,
}

/// The host's ids could not be read.
#[derive(Debug, thiserror::Error)]
#[error("could not read which ids exist on this machine")]
pub struct ReadIdsError {
    source: std::io::Error,
}

impl HostIds {
    /// Reads the host's files. `search_path` is where the programs that map sub-ids are looked for.
    pub fn read(caller: &Identity, search_path: &[PathBuf]) -> Result<Self, ReadIdsError> {
        let read = |path| optional(fs::read_to_string(path)).map_err(|source| ReadIdsError { source });
        let [users, groups] = [read("/etc/subuid")?, read("/etc/subgid")?];
        let mut owned: Vec<IdRange> = Vec::new();
        for text in [&users, &groups] {
            owned.extend(sub_id_lines(text).map(|(_, range)| range));
        }
        for text in [read("/etc/passwd")?, read("/etc/group")?] {
            owned.extend(accounts(&text));
        }
        Ok(Self {
            sub_uids: sub_ids_of(caller, &users),
            sub_gids: sub_ids_of(caller, &groups),
            owned,
            available: available_in_both(&read("/proc/self/uid_map")?, &read("/proc/self/gid_map")?),
            mappers: Mappers::find(search_path),
        })
    }

    /// The first multiple of 65536 from `first` on at which `length` ids exist that nobody owns.
    pub(super) fn free_base(&self, first: u32, length: u32) -> Option<u32> {
        let mut base = first;
        while let Some(end) = base.checked_add(length) {
            let exists = self.available.iter().any(|range| range.start <= base && end <= range.end());
            if exists && !self.owned.iter().any(|range| range.start < end && base < range.end()) {
                return Some(base);
            }
            base = base.checked_add(0x1_0000)?;
        }
        None
    }
}

impl IdRange {
    fn end(self) -> u32 {
        self.start.saturating_add(self.count)
    }
}

impl Mappers {
    /// Looks for both programs in these directories.
    pub fn find(search_path: &[PathBuf]) -> Option<Self> {
        let find = |name: &str| {
            let candidates = search_path.iter().filter(|directory| directory.is_absolute());
            candidates.map(|directory| directory.join(name)).find(|path| is_executable(path))
        };
        Some(Self { newuidmap: find("newuidmap")?, newgidmap: find("newgidmap")? })
    }
}

fn is_executable(path: &Path) -> bool {
    path.is_file() && access(path, Access::EXEC_OK).is_ok()
}

fn optional(text: std::io::Result<String>) -> std::io::Result<String> {
    match text {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        other => other,
    }
}

fn sub_id_lines(text: &str) -> impl Iterator<Item = (&str, IdRange)> {
    text.lines().filter_map(|line| {
        let mut fields = line.trim().split(':');
        let (owner, start, count) = (fields.next()?, fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        // A range that ends beyond the last id is none.
        u32::checked_add(start, count)?;
        Some((owner, IdRange { start, count }))
    })
}

fn sub_ids_of(caller: &Identity, text: &str) -> Vec<IdRange> {
    let number = caller.uid.to_string();
    let is_caller = |owner: &str| owner == number || caller.user_name.as_deref() == Some(owner);
    sub_id_lines(text).filter(|(owner, _)| is_caller(owner)).map(|(_, range)| range).collect()
}

fn accounts(text: &str) -> impl Iterator<Item = IdRange> {
    text.lines().filter_map(|line| Some(IdRange { start: line.split(':').nth(2)?.parse().ok()?, count: 1 }))
}

/// The ids inside of lines such as `0 100000 65536`, where they are mapped for users and for groups.
fn available_in_both(uid_map: &str, gid_map: &str) -> Vec<IdRange> {
    let ranges = |text: &str| -> Vec<IdRange> {
        let parse = |line: &str| {
            let mut fields = line.split_whitespace();
            let start = fields.next()?.parse().ok()?;
            Some(IdRange { start, count: fields.nth(1)?.parse().ok()? })
        };
        text.lines().filter_map(parse).collect()
    };
    let (users, groups) = (ranges(uid_map), ranges(gid_map));
    let pairs = users.iter().flat_map(|user| groups.iter().map(move |group| (user, group)));
    let shared = pairs.map(|(user, group)| (user.start.max(group.start), user.end().min(group.end())));
    shared.filter(|(start, end)| start < end).map(|(start, end)| IdRange { start, count: end - start }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sub_ids_are_found_by_name_and_by_number() {
        let text = "other:100000:65536\nsomeone:165536:65536\n\nbroken:x:1\n1000:300000:10\nsomeone:4294967295:2\n";
        let caller = Identity { uid: 1000, gid: 1000, user_name: Some("someone".to_owned()) };
        let expected = [IdRange { start: 165_536, count: 65_536 }, IdRange { start: 300_000, count: 10 }];
        assert_eq!(sub_ids_of(&caller, text), expected);
        let nameless = Identity { user_name: None, ..caller };
        assert_eq!(sub_ids_of(&nameless, text), expected[1..]);
    }

    #[test]
    fn available_ids_are_mapped_for_users_and_groups() {
        let all = "         0          0 4294967295\n";
        assert_eq!(available_in_both(all, all), [IdRange { start: 0, count: u32::MAX }]);
        let some = "0 1000 1\n1 100000 65536\n";
        assert_eq!(available_in_both(all, some).len(), 2);
        assert_eq!(available_in_both("0 1000 1", "0 1000 1"), [IdRange { start: 0, count: 1 }]);
    }

    #[test]
    fn accounts_own_their_ids() {
        let text = "root:x:0:0:root:/root:/bin/bash\nbig:x:1073741824:100::/:/bin/sh\nbroken\n";
        let ids: Vec<_> = accounts(text).map(|range| range.start).collect();
        assert_eq!(ids, [0, 0x4000_0000]);
    }
}
