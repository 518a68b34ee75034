//! Pieces become blobs: each is read at most once, in one pass that makes tar, diffID, compressed bytes and digest.
//!
//! A layer that restore brought and the build left alone is not read: its stat manifest says so, and everything that
//! is not in the directory (owners, paths, modes above) is as it was. The bytes depend on neither threads nor order.

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use baler_image::{Digest, Sink};
use baler_layer::sink::{Compressed, compress, hash_only};
use baler_layer::stat_manifest::StatManifest;

use super::cache::remembered;
use super::content::{frame, is_large, write_tar};
use super::error::LayerError;
use super::pending::{Pending, PendingTars};
use super::piece::{Content, Piece, Role};
use super::plan::{remembered_by, reusable};
use crate::analyze::Analysis;
use crate::cache::{Cache, CachedBlob, LaunchCache};
use crate::parallel;
use crate::progress::{Activity, Observer, Running, Task};
use crate::restore::Restoration;

/// Where blobs go and what is known already.
pub(crate) struct Packer<'a> {
    pub(crate) sink: &'a dyn Sink,
    pub(crate) cache: Option<&'a dyn Cache>,
    pub(crate) launch_cache: Option<&'a LaunchCache>,
    pub(crate) restoration: &'a Restoration,
    pub(crate) analysis: &'a Analysis,
    pub(crate) threads: NonZeroUsize,
    pub(crate) observer: &'a dyn Observer,
    /// Told of each piece that is done, from any thread.
    pub(crate) done: &'a (dyn Fn(usize, &PackResult) + Sync),
}

/// A piece whose bytes are known.
pub(crate) struct Packed {
    pub(crate) diff_id: Digest,
    /// Of the compressed bytes.
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    /// What the cache needs to know beside the tree.
    pub(crate) frame: String,
    /// The tree, if a cache is to keep it.
    pub(crate) manifest: Option<StatManifest>,
    /// New bytes, not yet committed anywhere.
    pub(crate) pending: Option<Pending>,
    /// Otherwise it was known without looking into its files.
    pub(crate) was_read: bool,
    pub(crate) duration: Duration,
}

/// What became of a piece: nothing if its content is absent.
pub(crate) type PackResult = Result<Option<Packed>, LayerError>;

/// What hashing a piece told.
enum Compared {
    /// Nothing, or nothing that saves the work.
    No,
    /// The previous image has it, and the cache.
    Same(Box<Packed>),
    /// The previous image does not have it.
    Differs,
}

impl Packer<'_> {
    /// Packs every piece; results are in the order of the pieces.
    pub(crate) fn pack(&self, pieces: &[Piece<'_>]) -> Vec<PackResult> {
        let indices = (0..pieces.len()).collect();
        let inspected = parallel::map(self.threads, indices, |index: usize| {
            let unchanged = self.unchanged(&pieces[index]);
            let is_large = unchanged.is_none() && is_large(&pieces[index].content);
            (unchanged, is_large)
        });
        let (mut results, mut large, mut small) = (Vec::new(), Vec::new(), Vec::new());
        for (index, (unchanged, is_large)) in inspected.into_iter().enumerate() {
            let is_unchanged = unchanged.is_some();
            results.push(Ok(unchanged));
            if is_unchanged {
                (self.done)(index, &results[index]);
            } else {
                if is_large { &mut large } else { &mut small }.push(index);
            }
        }
        let pack = |indices: &[usize], threads| -> Vec<(usize, PackResult)> {
            indices.iter().map(|&index| (index, self.pack_and_tell(pieces, index, threads))).collect()
        };
        let packed = if self.threads.get() == 1 || large.is_empty() {
            let mut packed = pack(&large, self.threads);
            packed.extend(parallel::map(self.threads, small, |index| {
                (index, self.pack_and_tell(pieces, index, NonZeroUsize::MIN))
            }));
            packed
        } else {
            std::thread::scope(|scope| {
                let beside = scope.spawn(|| pack(&small, NonZeroUsize::MIN));
                let mut packed = pack(&large, self.threads);
                packed.extend(beside.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
                packed
            })
        };
        for (index, result) in packed {
            results[index] = result;
        }
        results
    }

    /// The piece as the previous image has it, or as the cache knows it if the build left it as restore gave it.
    fn unchanged(&self, piece: &Piece<'_>) -> Option<Packed> {
        let started = Instant::now();
        if let Content::Known(layer) = &piece.content {
            return Some(Packed {
                diff_id: layer.diff_id.clone(),
                digest: layer.descriptor.digest.clone(),
                size: layer.descriptor.size,
                frame: String::new(),
                manifest: None,
                pending: None,
                was_read: false,
                duration: started.elapsed(),
            });
        }
        let (Role::Buildpack(id), Some(directory), Some(cache)) = (&piece.role, piece.content.directory(), self.cache)
        else {
            return None;
        };
        let restored = self.restoration.layers().get(id)?;
        let (diff_id, blob) = (&restored.diff_id, cache.blob(&restored.diff_id)?);
        let is_kept = !piece.in_cache || cache.holds(&diff_id.to_string());
        if !is_kept || blob.frame != frame(directory) || !restored.is_untouched(&directory.root) {
            return None;
        }
        let (digest, size) = self.compressed(piece, diff_id, blob)?;
        Some(Packed {
            diff_id: diff_id.clone(),
            digest,
            size,
            frame: blob.frame.clone(),
            manifest: Some(restored.manifest.clone()),
            pending: None,
            was_read: false,
            duration: started.elapsed(),
        })
    }

    /// The compressed bytes of a layer that the cache knows, where nobody has to make them anew: its own, those of the
    /// previous image, or those that are in the image's place all the same. Only the cache needs none.
    fn compressed(&self, piece: &Piece<'_>, diff_id: &Digest, blob: &CachedBlob) -> Option<(Digest, u64)> {
        let recorded = (blob.digest.clone(), blob.size);
        if let Some(sink) = self.cache.and_then(Cache::sink) {
            return matches!(sink.has_blob(&blob.digest), Ok(true)).then_some(recorded);
        }
        if !piece.in_image {
            return Some(recorded);
        }
        if let Some(layer) = reusable(self.analysis, &piece.role, &diff_id.to_string()) {
            return Some((layer.descriptor.digest.clone(), layer.descriptor.size));
        }
        let (digest, _) = blob.compressed()?;
        matches!(self.sink.has_blob(digest), Ok(true)).then_some(recorded)
    }

    fn pack_and_tell(&self, pieces: &[Piece<'_>], index: usize, threads: NonZeroUsize) -> PackResult {
        let running = Running::begin(self.observer, Task::new(Activity::Pack, &*pieces[index].what), None);
        let result = self.pack_piece(&pieces[index], threads);
        if let Ok(Some(packed)) = &result {
            running.advance(packed.size);
        }
        let result = running.end(result);
        (self.done)(index, &result);
        result
    }

    fn pack_piece(&self, piece: &Piece<'_>, threads: NonZeroUsize) -> PackResult {
        if piece.content.is_absent() {
            return Ok(None);
        }
        let started = Instant::now();
        let directory = piece.content.directory();
        let compared = self.compare(piece)?;
        if let Compared::Same(packed) = compared {
            return Ok(Some(*packed));
        }
        // Before the files are read: what changes while they are is noticed by the next build.
        let keeps_trees = piece.in_cache && self.cache.is_some_and(|cache| cache.trees().is_some());
        let kept = directory.filter(|_| keeps_trees && matches!(piece.role, Role::Buildpack(_)));
        let manifest = kept.map(|directory| StatManifest::take(&directory.root)).transpose()?;
        let mut pending = self.begin(piece, matches!(compared, Compared::Differs))?;
        let compressed = write(piece, threads, &mut pending)?;
        // What is new for certain goes on its way while others are packed. What the previous image has may not have to.
        if piece.in_image && reusable(self.analysis, &piece.role, &compressed.diff_id.to_string()).is_none() {
            pending.commit_image((&compressed.digest, compressed.size), true, piece.in_cache)?;
        }
        Ok(Some(Packed {
            diff_id: compressed.diff_id,
            digest: compressed.digest,
            size: compressed.size,
            frame: directory.map(frame).unwrap_or_default(),
            manifest,
            pending: Some(pending),
            was_read: true,
            duration: started.elapsed(),
        }))
    }

    /// Whether the piece is as the previous image has it, and the cache where it goes there too. Where both remember it, it
    /// is hashed first: most often nothing has to be compressed and sent. Beside a cache of trees, hashing pays only for
    /// what would be sent while it is made.
    fn compare(&self, piece: &Piece<'_>) -> Result<Compared, LayerError> {
        let started = Instant::now();
        let cache = self.cache.filter(|_| piece.in_cache);
        let cached = cache.and_then(|cache| remembered(cache.metadata(), &piece.role));
        let is_in_cache =
            cache.is_none_or(|cache| cache.sink().is_none() || cached.is_some_and(|sha| cache.holds(sha)));
        let has_trees = self.cache.is_some_and(|cache| cache.trees().is_some());
        let pays = !has_trees || (cache.is_none() && self.sink.sends_new_blobs_early() && is_large(&piece.content));
        if !pays || !piece.in_image || !is_in_cache || remembered_by(self.analysis, &piece.role).is_empty() {
            return Ok(Compared::No);
        }
        // A tar that was checked can stay, if it turns out to be the same.
        let has_tar = cache.is_some_and(|cache| cached.is_some_and(|sha| cache.holds(sha)));
        let tar = cache.filter(|_| !has_tar).map(Cache::begin_tar).transpose()?.flatten();
        let is_written = tar.is_some();
        let has_copy =
            |launch: &&LaunchCache| remembered_by(self.analysis, &piece.role).iter().any(|sha| launch.has(sha));
        let launch = self.launch_cache.filter(|launch| !has_copy(launch)).map(LaunchCache::begin).transpose()?;
        let tars = PendingTars { cache: tar, launch };
        let mut pending = Pending { image: None, cache: None, tars, is_shared: false };
        let diff_id = write(piece, NonZeroUsize::MIN, &mut pending)?.diff_id;
        let is_cached = cache.is_none() || is_written || cached.is_some_and(|sha| *sha == diff_id.to_string());
        let Some(layer) = reusable(self.analysis, &piece.role, &diff_id.to_string()) else {
            return Ok(Compared::Differs);
        };
        if !is_cached {
            return Ok(Compared::No);
        }
        Ok(Compared::Same(Box::new(Packed {
            diff_id,
            digest: layer.descriptor.digest.clone(),
            size: layer.descriptor.size,
            frame: piece.content.directory().map(frame).unwrap_or_default(),
            manifest: None,
            pending: Some(pending),
            was_read: true,
            duration: started.elapsed(),
        })))
    }

    /// Opens the places that the piece goes to: one where image and cache have their blobs in the same.
    fn begin(&self, piece: &Piece<'_>, differs: bool) -> Result<Pending, LayerError> {
        let cache = self.cache.filter(|_| piece.in_cache);
        let tar = cache.map(Cache::begin_tar).transpose()?.flatten();
        let cache = cache.and_then(Cache::sink);
        let has_trees = self.cache.is_some_and(|cache| cache.trees().is_some());
        // Two repositories of one registry are two places.
        let shared = piece.in_image && has_trees && cache.is_some_and(|cache| cache.place() == self.sink.staging());
        // What an earlier image has by the same name may turn out to be the same, and is not sent then.
        let is_new = differs || remembered_by(self.analysis, &piece.role).is_empty();
        let begin = || if is_new { self.sink.begin_new_blob() } else { self.sink.begin_blob() };
        let image = piece.in_image.then(begin).transpose()?;
        let cache = cache.filter(|_| !shared).map(Sink::begin_blob).transpose()?;
        let launch = self.launch_cache.filter(|_| piece.in_image).map(LaunchCache::begin).transpose()?;
        Ok(Pending { image, cache, tars: PendingTars { cache: tar, launch }, is_shared: shared })
    }
}

/// Writes the piece to where it goes: compressed for image and cache, as it is for a cache of tars.
fn write(piece: &Piece<'_>, threads: NonZeroUsize, pending: &mut Pending) -> Result<Compressed, LayerError> {
    let mut tars = std::mem::take(&mut pending.tars);
    let mut produce = |output: &mut dyn Write| write_tar(&piece.content, &mut Tee { first: output, second: &mut tars });
    let compressed = if pending.takes_blobs() {
        compress(threads, pending, produce)?
    } else {
        // There is no blob, and so none that could be asked for by its digest.
        let hashed = hash_only(&mut produce)?;
        Compressed {
            digest: hashed.diff_id.clone(),
            size: 0,
            uncompressed_size: hashed.uncompressed_size,
            diff_id: hashed.diff_id,
        }
    };
    pending.tars = tars;
    Ok(compressed)
}

/// Writes to two places.
struct Tee<'a> {
    first: &'a mut dyn Write,
    second: &'a mut dyn Write,
}

impl Write for Tee<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.first.write_all(bytes)?;
        self.second.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.first.flush()?;
        self.second.flush()
    }
}
