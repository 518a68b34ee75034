//! Component tests of analyze, restore and export: real directories and tars, blobs in memory.
//!
//! diffIDs in these tests are those of the reference lifecycle for the same input.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod cache;
mod export;
mod place;
mod reference_cache;
mod support;
mod volume;
