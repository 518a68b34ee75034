//! The tar stream: headers and PAX records as Go's `archive/tar` writes them, so that diffIDs agree; the writer, and a
//! reader for layers that others made.
//!
//! Names in image layers are absolute, begin with `/`, and directories have no trailing slash; the writer takes names as
//! they are and changes nothing.

mod entry;
mod error;
mod header;
mod pax;
mod raw;
mod reader;
mod sparse;
mod writer;

pub use entry::{Entry, EntryKind, Time};
pub use error::TarError;
pub use reader::{ReadError, TarReader};
pub use writer::{Attributes, Owner, SpecialFile, TarWriter};
