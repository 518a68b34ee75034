//! The workspace of a build in the store: what the last build of the same image left is brought up to date.
//!
//! ```text
//! workspace/record     what the tree was copied from
//! workspace/tree       the application, and what the build has made of it
//! workspace/layers     the layers that the application became
//! workspace/untouched  where no build has changed the tree
//! ```
//!
//! All of it leaves the image's cache by one rename and comes back by another, so of two builds at once one gets it and
//! the other copies. What builds have changed in the tree is noticed and undone before the next one. Nothing is relied
//! on where a file system's times may tell less than everything.

use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use baler_lifecycle::export::{AppBefore, AppLayers};
use baler_lifecycle::mounted::Owner;
use baler_store::{Scratch, ScratchError};

use super::mark;
use super::mirror::{Mirror, Recording};
use super::record::Record;
use super::state::{State, Time};
use super::verify::is_as_recorded;
use super::{Copied, Selection, WorkspaceError, check, zip_file};
use crate::build::request::BuildRequest;
use crate::context::Context;
use crate::output::Level;

/// The directory in a cache, and in a build's own.
const WORKSPACE: &str = "workspace";
const TREE: &str = "tree";
const RECORD: &str = "record";
const LAYERS: &str = "layers";

/// The mode of the root, as pack uploads it.
const ROOT_MODE: u32 = 0o777;

/// File systems whose change times tell of every change on this machine.
const TRUSTED: [u64; 8] = [
    0xEF53,      // ext2, ext3, ext4
    0x5846_5342, // XFS
    0x9123_683E, // Btrfs
    0x0102_1994, // tmpfs
    0x794C_7630, // overlayfs
    0xF2F5_2010, // F2FS
    0xCA45_1A4E, // bcachefs
    0x2FC1_2FC1, // ZFS
];

/// How long to wait for the clock of a file system; most have one that moves each few milliseconds.
const TRIES: u32 = 50;
const PAUSE: Duration = Duration::from_millis(2);

/// The workspace of one build.
pub(in super::super) struct Workspace {
    /// For the tree's record.
    directory: PathBuf,
    tree: PathBuf,
    /// The mode of the tree's root, where that is ours to set.
    root_mode: Option<u32>,
    /// Where the cache has it between builds, if it is kept there.
    place: Option<PathBuf>,
    /// That of the tree, once that is up to date, where its times can be relied on.
    record: Option<Record>,
    /// Whether the tree was as recorded when it was put away.
    was_untouched: bool,
    /// Whether all belongs to the build user already.
    is_given: bool,
}

impl Workspace {
    /// Takes what the last build has left in the image's cache, or makes an empty workspace, in `scratch`.
    pub(in super::super) fn take(
        request: &BuildRequest,
        cache: Option<&Path>,
        scratch: &Scratch,
    ) -> Result<Self, ScratchError> {
        let directory = scratch.path().join(WORKSPACE);
        let place = cache.map(|cache| cache.join(WORKSPACE));
        let is_taken = place.as_ref().is_some_and(|place| fs_err::rename(place, &directory).is_ok());
        if is_taken && request.clear_cache {
            // A failure is one of making it anew.
            let _ = baler_sandbox::remove_tree(&directory);
        }
        let was_untouched = is_taken && mark::take(&directory);
        scratch.subdirectory(WORKSPACE)?;
        let tree = scratch.subdirectory(&format!("{WORKSPACE}/{TREE}"))?;
        let root_mode = Some(ROOT_MODE);
        Ok(Self { directory, tree, root_mode, place, record: None, was_untouched, is_given: false })
    }

    /// The empty directory `tree`, which others have made.
    pub(in super::super) fn borrowed(tree: &Path) -> Self {
        let (directory, tree) = (tree.to_owned(), tree.to_owned());
        let was_untouched = false;
        Self { directory, tree, root_mode: None, place: None, record: None, was_untouched, is_given: false }
    }

    /// Where the application is.
    pub(in super::super) fn tree(&self) -> &Path {
        &self.tree
    }

    /// Whether all in it belongs to the build user already.
    pub(in super::super) fn is_given(&self) -> bool {
        self.is_given
    }

    /// Copies the application of a build, a directory or a zip file, into the workspace, which then belongs to `owner`.
    pub(in super::super) fn fill(
        &mut self,
        context: &Context<'_>,
        request: &BuildRequest,
        owner: Option<Owner>,
    ) -> Result<Copied, WorkspaceError> {
        let source = &request.application;
        let selection = Selection { without: context.store.root(), filter: &request.files };
        let (record_path, tree) = (self.directory.join(RECORD), self.tree.clone());
        let of_caller = Owner::new(context.caller.uid, context.caller.gid);
        let owned_by = owner.unwrap_or(of_caller);
        if fs_err::metadata(source).is_ok_and(|metadata| metadata.is_file()) {
            self.empty()?;
            return Ok(zip_file::unpack(source, &tree, &selection)?);
        }
        check(source)?;
        let now = if self.place.is_some() && is_trusted(source) && is_trusted(&tree) {
            clock(&self.directory).ok()
        } else {
            None
        };
        let recording = now.map(|now| Recording { now, owner: owned_by });
        // Of what the last build has left. Without trusted times it says nothing.
        let record = recording.and_then(|_| fs_err::read(&record_path).ok());
        let record = record.and_then(|bytes| Record::decode(owned_by, bytes));
        let (threads, root_mode) = (context.threads, self.root_mode);
        let mut mirror = Mirror {
            source,
            target: &tree,
            selection: &selection,
            owner,
            root_mode,
            record: None,
            untouched: self.was_untouched,
            recording,
            threads,
        };
        let mirrored = if record.is_some() {
            mirror.record = record.as_ref();
            mirror.run().or_else(|error| {
                let text = format!("Copying the application anew: {}", baler_lifecycle::error_text::chain(&error));
                context.output.line(Level::Debug, &text);
                self.empty()?;
                Mirror { record: None, ..mirror }.run()
            })?
        } else {
            self.empty()?;
            mirror.run()?
        };
        self.is_given = true;
        let is_changed = mirrored.is_changed();
        let recorded = match (recording, mirrored.record) {
            (None, _) => None,
            (Some(_), None) => record,
            (Some(_), Some(bytes)) => {
                self.write((&record_path, &bytes), is_changed).ok().and_then(|()| Record::decode(owned_by, bytes))
            }
        };
        self.record = recorded.filter(|_| has_passed(&self.directory, mirrored.latest));
        Ok(mirrored.copied)
    }

    /// Writes a new record. What was known of a tree that has changed is not known any more.
    fn write(&self, (path, record): (&Path, &[u8]), is_changed: bool) -> io::Result<()> {
        if is_changed {
            baler_sandbox::remove_tree(&self.directory.join(LAYERS)).map_err(|error| error.source)?;
        }
        fs_err::write(path, record)
    }

    /// Empties the tree of an earlier build, and forgets what it was.
    fn empty(&self) -> Result<(), WorkspaceError> {
        if self.place.is_none() {
            return Ok(());
        }
        let failed = |source| WorkspaceError::Copy { path: self.tree.clone(), source };
        for name in [TREE, RECORD, LAYERS] {
            baler_sandbox::remove_tree(&self.directory.join(name)).map_err(|error| failed(error.source))?;
        }
        fs_err::create_dir(&self.tree).map_err(failed)
    }

    /// What is known of the layers that the last build has made of the application: nothing if a build has changed it
    /// since it was copied.
    pub(in super::super) fn app_before(&self, threads: NonZeroUsize) -> AppBefore {
        if !self.record.as_ref().is_some_and(|record| is_as_recorded(&self.tree, record, threads)) {
            return AppBefore::Changing;
        }
        mark::put(&self.directory);
        let layers = fs_err::read(self.directory.join(LAYERS)).ok();
        let layers = layers.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        layers.map_or(AppBefore::Unknown, AppBefore::Known)
    }

    /// Puts the tree into the cache for the next build, whatever a build has made of it, with the layers that the export
    /// has made of it, where they are new. Whatever fails costs time in the next build and nothing else.
    pub(in super::super) fn give_back(&self, layers: Option<&AppLayers>) -> io::Result<()> {
        let Some(place) = self.place.as_ref().filter(|_| self.record.is_some()) else { return Ok(()) };
        if let Some(layers) = layers {
            fs_err::write(self.directory.join(LAYERS), serde_json::to_vec(layers).map_err(io::Error::other)?)?;
        }
        baler_sandbox::remove_tree(place).map_err(|error| error.source)?;
        fs_err::rename(&self.directory, place)
    }
}

/// Whether nothing that changes from now on can have this time or an earlier one.
pub(super) fn has_passed(directory: &Path, time: Time) -> bool {
    for _ in 0..TRIES {
        match clock(directory) {
            Ok(now) if now > time => return true,
            Ok(_) => std::thread::sleep(PAUSE),
            Err(_) => return false,
        }
    }
    false
}

/// The time of the file system that `directory` lies on.
pub(super) fn clock(directory: &Path) -> io::Result<Time> {
    let file = tempfile::tempfile_in(directory)?;
    Ok(State::of(&rustix::fs::fstat(&file)?).changed)
}

#[allow(clippy::unnecessary_fallible_conversions, clippy::useless_conversion, reason = "types differ by platform")]
fn is_trusted(path: &Path) -> bool {
    rustix::fs::statfs(path).is_ok_and(|found| u64::try_from(found.f_type).is_ok_and(|kind| TRUSTED.contains(&kind)))
}
