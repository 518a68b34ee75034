//! Layers as bytes: written as tar by the reference's byte rules, compressed and hashed in one pass, applied to a
//! directory, and trees compared without reading them.
//!
//! | module | owns |
//! |---|---|
//! | [`tar`] | the tar stream: headers, PAX records, the writer and the reader |
//! | [`archive`] | tars that people packed, read as streams |
//! | [`directory`], [`slices`], [`module`] | which entries a layer has: a directory, an application in slices, a buildpack |
//! | [`glob`] | the patterns of slices |
//! | [`sink`] | tar bytes in; diffID, compressed blob and its digest out |
//! | [`apply`] | a layer unpacked as a lower directory of an overlay |
//! | [`ownership`] | which paths of stacked layers a user may write, when the files on disk do not tell |
//! | [`stat_manifest`] | whether a tree is still what it was |
//! | [`move_tree`] | moving trees that are read-only |
//!
//! No images and no store: the crate knows digests, directories and streams. It starts threads in [`sink`], reads no
//! environment and no clock, and prints nothing.

pub mod apply;
pub mod archive;
mod closed;
pub mod directory;
#[doc(hidden)]
pub mod fuzzing;
pub mod glob;
pub mod module;
pub mod move_tree;
pub mod ownership;
pub mod sink;
pub mod slices;
pub mod stat_manifest;
pub mod tar;
mod walk;

/// Modification time of all entries that this project writes: 1980-01-01T00:00:01Z, as the reference does.
pub const NORMALISED_TIME: i64 = 315_532_801;
