//! The local store: blobs by digest, images by name, layers unpacked once per id map; and OCI layout directories and archives.
//!
//! | module | owns |
//! |---|---|
//! | [`Store`] | the store's directory: opening it, its parts, its locks |
//! | `session` | what one process has in work, and what it must not lose to garbage collection |
//! | [`Scratch`] | directories in work, removed with whatever owners and modes they have |
//! | `record` | images by name |
//! | `blob` | blobs on disk: written under a temporary name, verified while they are read |
//! | `unpack` | layers as directories for overlay mounts |
//! | `garbage` | what nothing refers to goes |
//! | [`Layout`] | OCI layout directories as source and sink |
//! | [`Archive`], [`ArchiveSink`] | OCI and Docker archives as source and sink |
//! | [`copy_image`], [`load_layout`], [`load_archive`] | images from one place to another |
//!
//! Nothing here knows registries or daemons. Several processes may use one store at once, also from different
//! namespaces: everything is written under a temporary name and renamed, and locks are `flock` locks, which end with
//! the process that holds them.

mod archive;
mod blob;
mod cache;
mod copy;
mod disk;
#[doc(hidden)]
pub mod fuzzing;
mod garbage;
mod ids;
mod layout;
mod load;
mod lock;
mod new_file;
mod record;
mod scratch;
mod session;
mod sink;
mod source;
mod store;
mod unpack;

pub use archive::{Archive, ArchiveError, ArchiveSink, ArchivedImage, WriteArchiveError, write_archive};
pub use cache::CacheEntry;
pub use copy::{CopyError, CopyEvent, copy_blob, copy_image, copy_layers};
pub use disk::DiskFull;
pub use garbage::{CollectError, Freed, Survey, Without};
pub use layout::{Layout, LayoutDraft, LayoutError};
pub use load::{LoadError, LoadedImage, load_archive, load_layout};
pub use new_file::NewFile;
pub use record::{RecordError, StoredImage};
pub use scratch::{Scratch, ScratchError};
pub use store::{OpenError, Store};
pub use unpack::{UNPACK_OPERATION, UnpackError, UnpackEvent, UnpackedLayers};
