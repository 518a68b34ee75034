//! Finding and making mount points inside the root, whatever links the image has.

use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, fstat, mkdirat, openat, openat2};
use rustix::io::Errno;

/// Opens `path` as a process would whose root is `root`: no link leads out.
pub(super) fn open_inside(root: &impl AsFd, path: &Path) -> Result<OwnedFd, Errno> {
    // The kernel answers so when something else is renamed meanwhile; with nothing running inside, once is rare.
    let mut answer = Err(Errno::AGAIN);
    for _ in 0..16 {
        answer = openat2(
            root,
            path,
            OFlags::PATH | OFlags::CLOEXEC,
            Mode::empty(),
            ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS,
        );
        if !matches!(answer, Err(Errno::AGAIN | Errno::INTR)) {
            break;
        }
    }
    answer
}

/// Opens the mount point at `path`, and makes it if it does not exist, a directory or an empty file.
pub(super) fn open_or_make(root: &impl AsFd, path: &Path, is_directory: bool) -> Result<OwnedFd, Errno> {
    match open_inside(root, path) {
        Ok(found) => return checked(found, is_directory),
        Err(Errno::NOENT) => {}
        Err(error) => return Err(error),
    }
    let names = names(path)?;
    let (last, above) = names.split_last().ok_or(Errno::INVAL)?;
    let mut reached = PathBuf::from("/");
    let mut parent = open_inside(root, &reached)?;
    for name in above {
        reached.push(name);
        parent = match open_inside(root, &reached) {
            Err(Errno::NOENT) => {
                make_directory(&parent, name)?;
                open_inside(root, &reached)?
            }
            other => other?,
        };
    }
    if is_directory {
        make_directory(&parent, last)?;
    } else {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        openat(&parent, *last, flags, Mode::from_raw_mode(0o644))?;
    }
    open_inside(root, path)
}

/// One name in one directory that was opened without leaving the root; a dangling link of that name is an error.
fn make_directory(parent: &OwnedFd, name: &OsStr) -> Result<(), Errno> {
    mkdirat(parent, name, Mode::from_raw_mode(0o755))
}

fn checked(found: OwnedFd, is_directory: bool) -> Result<OwnedFd, Errno> {
    match (FileType::from_raw_mode(fstat(&found)?.st_mode) == FileType::Directory, is_directory) {
        (true, false) => Err(Errno::ISDIR),
        (false, true) => Err(Errno::NOTDIR),
        (true, true) | (false, false) => Ok(found),
    }
}

fn names(path: &Path) -> Result<Vec<&OsStr>, Errno> {
    let mut names = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => names.push(name),
            Component::RootDir | Component::CurDir => {}
            Component::ParentDir | Component::Prefix(_) => return Err(Errno::INVAL),
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use fs_err as fs;

    use super::*;

    #[test]
    fn links_stay_inside() {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().join("root");
        fs::create_dir_all(root.join("real")).unwrap();
        symlink("/real", root.join("absolute")).unwrap();
        symlink("../../../../real", root.join("upwards")).unwrap();
        symlink("/missing", root.join("dangling")).unwrap();
        let open = rustix::fs::open(&root, OFlags::PATH | OFlags::DIRECTORY, Mode::empty()).unwrap();
        for (index, link) in ["absolute", "upwards"].into_iter().enumerate() {
            open_or_make(&open, &Path::new("/").join(link).join(format!("made{index}")), true).unwrap();
            assert!(root.join("real").join(format!("made{index}")).is_dir());
        }
        assert_eq!(open_or_make(&open, Path::new("/dangling"), true).unwrap_err(), Errno::EXIST);
        assert_eq!(open_or_make(&open, Path::new("/dangling/below"), true).unwrap_err(), Errno::EXIST);
        assert_eq!(open_or_make(&open, Path::new("/../up/x"), true).unwrap_err(), Errno::INVAL);
        assert_eq!(open_or_make(&open, Path::new("/real"), false).unwrap_err(), Errno::ISDIR);
        open_or_make(&open, Path::new("/new/deep/file"), false).unwrap();
        assert!(root.join("new/deep/file").is_file());
        assert!(!home.path().join("real").exists());
    }
}
