//! Who a phase is: started as root it gives directories to the build user and becomes that user.
//!
//! Credentials are read before. Started as anyone else, it stays who it is.

use std::io;
use std::os::unix::fs::{MetadataExt as _, lchown};
use std::path::{Path, PathBuf};

use baler_cnb::environment::Environment;
use rustix::process::{DumpableBehavior, Gid, Uid, set_dumpable_behavior};
use rustix::thread::{set_thread_res_gid, set_thread_res_uid};

use super::Context;
use super::failure::{Failure, code};
use crate::files::FileError;
use crate::mounted::{BuildUser, Owner};

/// Detect and build run what buildpacks bring, which must not be done as root.
pub(super) fn refuse_root(action: &'static str) -> Result<(), Failure> {
    if rustix::process::getuid().is_root() {
        return Err(Failure::new(code::FAILED, "refusing to run as root").to(action));
    }
    Ok(())
}

/// The user that `-uid` and `-gid` name.
pub(super) fn user(context: &Context<'_>) -> BuildUser {
    let uid = context.settings.id("uid", "CNB_USER_ID");
    let gid = context.settings.id("gid", "CNB_GROUP_ID");
    BuildUser { image: Owner::new(uid, gid), host: None }
}

/// Gives `directories` to the user and becomes that user. The signal watcher begins here: a thread keeps the ids that
/// its process had when it began.
pub(super) fn become_user(context: &Context<'_>, directories: &[PathBuf]) -> Result<BuildUser, Failure> {
    let user = user(context);
    let Owner { uid, gid } = user.image;
    if rustix::process::getuid().is_root() {
        for directory in directories {
            give(directory, uid, gid).map_err(|error| Failure::new(code::FAILED, error).to("chown volumes"))?;
        }
        drop_to(uid, gid).map_err(|error| Failure::new(code::FAILED, error).to("exec as user"))?;
    }
    context.watch_signals()?;
    Ok(user)
}

/// Keeps processes of the same user out of this one: what it knows, and the variables that it was started with, among which
/// are credentials, cannot be read through `/proc`. It is for a phase that has credentials and starts buildpacks.
pub(super) fn hide_memory() -> Result<(), Failure> {
    let hidden = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    hidden.map_err(|error| Failure::new(code::FAILED, io::Error::from(error)).to("hide credentials from buildpacks"))
}

fn drop_to(uid: u32, gid: u32) -> io::Result<()> {
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    if rustix::process::getgid() != gid || rustix::process::getegid() != gid {
        set_thread_res_gid(gid, gid, gid)?;
    }
    if rustix::process::getuid() != uid || rustix::process::geteuid() != uid {
        set_thread_res_uid(uid, uid, uid)?;
    }
    Ok(())
}

/// Gives a tree to the user, unless its root can be written by the user as it is. An absent one is left alone.
fn give(directory: &Path, uid: u32, gid: u32) -> Result<(), FileError> {
    let metadata = match fs_err::metadata(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        metadata => metadata.map_err(FileError::because("look at", directory))?,
    };
    let (mode, is_group) = (metadata.mode(), metadata.gid() == gid);
    if metadata.uid() == uid || (is_group && mode & 0o020 != 0) || mode & 0o002 != 0 {
        return Ok(());
    }
    // A link to a volume stands for the volume.
    let root = fs_err::canonicalize(directory).map_err(FileError::because("look at", directory))?;
    give_all(&root, uid, gid)
}

fn give_all(path: &Path, uid: u32, gid: u32) -> Result<(), FileError> {
    lchown(path, Some(uid), Some(gid)).map_err(FileError::because("give away", path))?;
    let metadata = fs_err::symlink_metadata(path).map_err(FileError::because("look at", path))?;
    if metadata.is_dir() {
        let because = || FileError::because("read directory", path);
        for entry in fs_err::read_dir(path).map_err(because())? {
            give_all(&entry.map_err(because())?.path(), uid, gid)?;
        }
    }
    Ok(())
}

/// The environment of the user `uid`, where `passwd` (the text of /etc/passwd) knows it.
pub(super) fn with_user(mut environment: Environment, passwd: &str, uid: u32) -> Environment {
    let entry = passwd
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find(|fields| fields.get(2).is_some_and(|field| field.parse() == Ok(uid)));
    if let Some([name, _, _, _, _, home, ..]) = entry.as_deref() {
        environment.set("HOME", *home);
        environment.set("USER", *name);
    }
    environment
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn home_is_that_of_the_build_user() {
        let passwd = "root:x:0:0::/root:/bin/sh\nbroken\ncnb:x:1000:1000:,,,:/home/cnb:/bin/sh\n";
        let environment: Environment = [("HOME", "/root")].into_iter().collect();
        let found = with_user(environment.clone(), passwd, 1000);
        assert_eq!(found.get("HOME").unwrap(), "/home/cnb");
        assert_eq!(found.get("USER").unwrap(), "cnb");
        assert_eq!(with_user(environment, passwd, 7).get("HOME").unwrap(), "/root");
    }
}
