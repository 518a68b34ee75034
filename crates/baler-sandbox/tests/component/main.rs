//! The sandbox on a real kernel with a real root file system, in each id map that the caller can have.
//!
//! Run as root, it covers the map of root and, in `other_users`, runs itself again as users with and without sub-ids.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

mod calls;
mod ending;
mod fixture;
mod in_place;
mod isolation;
mod mounts;
mod nested;
mod operations;
mod other_users;
mod ownership;
mod programs;
