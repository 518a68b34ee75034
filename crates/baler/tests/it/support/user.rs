//! Whom the program is run as. As root, the tests run it in all three ways; otherwise as the user that runs them.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

/// A user, by the ids that stand behind a sandbox of its.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum User {
    /// Whoever runs the tests.
    Caller,
    /// An ordinary user with sub-ids.
    SubIds { uid: u32, gid: u32 },
    /// An ordinary user without.
    Single { uid: u32, gid: u32 },
}

/// A user id that nobody has, and so without sub-ids.
const NOBODY_KNOWN: u32 = 54_321;

/// The ways that can be had here; the others are named.
pub fn users() -> Vec<User> {
    let mut users = vec![User::Caller];
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIP: needs root to run as other users too");
        return users;
    }
    users.push(User::Single { uid: NOBODY_KNOWN, gid: NOBODY_KNOWN });
    match user_with_sub_ids() {
        Some((uid, gid)) => users.push(User::SubIds { uid, gid }),
        None => eprintln!("SKIP: needs an ordinary user with sub-ids and newuidmap"),
    }
    users
}

/// The first user of /etc/passwd with an entry in /etc/subuid and /etc/subgid.
fn user_with_sub_ids() -> Option<(u32, u32)> {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let (users, groups) = (read("/etc/subuid"), read("/etc/subgid"));
    let has = |text: &str, name: &str| text.lines().any(|line| line.split(':').next() == Some(name));
    if !Path::new("/usr/bin/newuidmap").exists() {
        return None;
    }
    read("/etc/passwd").lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let (uid, gid) = (fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?);
        (uid != 0 && has(&users, fields[0]) && has(&groups, fields[0])).then_some((uid, gid))
    })
}

impl User {
    fn ids(self) -> Option<(u32, u32)> {
        match self {
            Self::Caller => None,
            Self::SubIds { uid, gid } | Self::Single { uid, gid } => Some((uid, gid)),
        }
    }

    /// A command that runs as this user.
    pub fn command(self, program: &Path) -> Command {
        match self.ids() {
            None => Command::new(program),
            Some((uid, gid)) => {
                let mut command = Command::new("setpriv");
                command.args([format!("--reuid={uid}"), format!("--regid={gid}"), "--clear-groups".to_owned()]);
                command.arg(program);
                command
            }
        }
    }

    /// Gives a tree that a test wrote to the user; what the program has written since is its own already.
    pub fn give(self, path: &Path) {
        let Some((uid, gid)) = self.ids() else { return };
        let metadata = path.symlink_metadata().unwrap();
        if metadata.uid() != 0 {
            if !metadata.is_dir() {
                return;
            }
        } else {
            std::os::unix::fs::lchown(path, Some(uid), Some(gid)).unwrap();
        }
        if metadata.is_dir()
            && metadata.permissions().mode() & 0o700 == 0o700
            && path.file_name().is_none_or(|name| name != "store")
        {
            for entry in std::fs::read_dir(path).unwrap() {
                self.give(&entry.unwrap().path());
            }
        }
    }
}
