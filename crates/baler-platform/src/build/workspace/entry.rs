//! One entry that is no directory, made anew.

use std::ffi::CStr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};

use baler_lifecycle::mounted::Owner;
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid};

use super::state::State;

/// Larger files are copied inside the kernel, which shares blocks where the file system can.
const SMALL: u64 = 128 * 1024;

/// So many bytes of files are compared at a time.
const COMPARED: usize = 64 * 1024;

/// Copies files; its buffer is used again.
pub(super) struct Copier {
    pub(super) owner: Option<Owner>,
    buffer: Vec<u8>,
}

/// What was copied: the state of the source before it was read, and that of the copy.
pub(super) struct Copy {
    pub(super) source: State,
    pub(super) tree: State,
    /// Bytes.
    pub(super) size: u64,
}

/// An operation on the source, or one on the copy, failed.
pub(super) enum CopyError {
    Source(io::Error),
    Tree(io::Error),
}

impl Copier {
    pub(super) fn new(owner: Option<Owner>) -> Self {
        Self { owner, buffer: Vec::new() }
    }

    /// Copies the regular file `name`, which must not be there yet. Where something else has taken its place, that is an
    /// error.
    pub(super) fn file(&mut self, from: BorrowedFd<'_>, to: BorrowedFd<'_>, name: &CStr) -> Result<Copy, CopyError> {
        let source = |error: rustix::io::Errno| CopyError::Source(error.into());
        let tree = |error: rustix::io::Errno| CopyError::Tree(error.into());
        // Not blocking: a pipe may have taken its place.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let input = rustix::fs::openat(from, name, flags, Mode::empty()).map_err(source)?;
        let state = State::of(&rustix::fs::fstat(&input).map_err(source)?);
        if state.kind() != FileType::RegularFile {
            return Err(CopyError::Source(io::Error::other("it changed while it was copied")));
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let output = rustix::fs::openat(to, name, flags, Mode::RUSR | Mode::WUSR).map_err(tree)?;
        let (mut input, mut output) = (File::from(input), File::from(output));
        let size = if state.size > SMALL {
            io::copy(&mut input, &mut output).map_err(CopyError::Tree)?
        } else {
            self.buffer.clear();
            let size = input.read_to_end(&mut self.buffer).map_err(CopyError::Source)?;
            output.write_all(&self.buffer).map_err(CopyError::Tree)?;
            size as u64
        };
        if let Some((uid, gid)) = self.ids() {
            rustix::fs::fchown(&output, uid, gid).map_err(tree)?;
        }
        rustix::fs::fchmod(&output, Mode::from_raw_mode(state.permissions())).map_err(tree)?;
        rustix::fs::futimens(&output, &times(&state)).map_err(tree)?;
        let copy = State::of(&rustix::fs::fstat(&output).map_err(tree)?);
        Ok(Copy { source: state, tree: copy, size })
    }

    /// Copies the symbolic link `name`, whose state is `state`.
    pub(super) fn link(
        &self,
        from: BorrowedFd<'_>,
        to: BorrowedFd<'_>,
        (name, state): (&CStr, State),
    ) -> Result<Copy, CopyError> {
        let target = rustix::fs::readlinkat(from, name, Vec::new()).map_err(|error| CopyError::Source(error.into()))?;
        let attempt = || -> Result<State, rustix::io::Errno> {
            rustix::fs::symlinkat(&*target, to, name)?;
            self.give(to, name)?;
            rustix::fs::utimensat(to, name, &times(&state), AtFlags::SYMLINK_NOFOLLOW)?;
            Ok(State::of(&rustix::fs::statat(to, name, AtFlags::SYMLINK_NOFOLLOW)?))
        };
        let tree = attempt().map_err(|error| CopyError::Tree(error.into()))?;
        Ok(Copy { source: state, tree, size: 0 })
    }

    /// The state of a file or link of the source whose copy is what it was, if both still say the same.
    pub(super) fn unchanged(
        &mut self,
        from: BorrowedFd<'_>,
        to: BorrowedFd<'_>,
        (name, state): (&CStr, State),
    ) -> io::Result<Option<State>> {
        if state.kind() == FileType::Symlink {
            let [one, other] = [from, to].map(|place| rustix::fs::readlinkat(place, name, Vec::new()));
            return Ok((one? == other?).then_some(state));
        }
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let mut source = File::from(rustix::fs::openat(from, name, flags, Mode::empty())?);
        let opened = State::of(&rustix::fs::fstat(&source)?);
        if opened != state {
            return Ok(None);
        }
        let mut copy = File::from(rustix::fs::openat(to, name, flags, Mode::empty())?);
        self.buffer.resize(2 * COMPARED, 0);
        let (one, other) = self.buffer.split_at_mut(COMPARED);
        loop {
            let count = source.read(one)?;
            if count == 0 {
                return Ok((copy.read(other)? == 0).then_some(opened));
            }
            match copy.read_exact(&mut other[..count]) {
                Ok(()) if one[..count] == other[..count] => {}
                Ok(()) => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    /// Gives an entry to the owner, if there is to be another one than the caller.
    pub(super) fn give(&self, directory: impl AsFd, name: impl rustix::path::Arg) -> Result<(), rustix::io::Errno> {
        let Some((uid, gid)) = self.ids() else { return Ok(()) };
        rustix::fs::chownat(directory, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)
    }

    fn ids(&self) -> Option<(Option<Uid>, Option<Gid>)> {
        self.owner.map(|owner| (Some(Uid::from_raw(owner.uid)), Some(Gid::from_raw(owner.gid))))
    }
}

/// The times that a copy gets.
#[allow(clippy::useless_conversion, reason = "types differ by platform")]
pub(super) fn times(state: &State) -> Timestamps {
    let time = Timespec { tv_sec: state.modified.seconds, tv_nsec: state.modified.nanoseconds.into() };
    Timestamps { last_access: time, last_modification: time }
}
