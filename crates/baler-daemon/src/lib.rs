//! Docker and Podman as source and sink of images, over their API (Docker Engine API 1.24 and later).
//!
//! | module | owns |
//! |---|---|
//! | [`Address`] | where a daemon listens: flags, variables, contexts |
//! | `http`, `unix` | requests over a unix socket or TCP, with TLS |
//! | [`Daemon`] | what answers there: which engine, which API version, which image store |
//! | [`DaemonSource`] | images read: found by inspection, their bytes by one export |
//! | [`DaemonSink`] | images written: loaded as a whole |
//!
//! A daemon keeps images in one of two ways. With the containerd image store it has indexes, manifests and compressed
//! layers as a registry has them. A classic Docker daemon, and Podman over this API, give out configs and uncompressed
//! layers: an image is known by the digest of its config, and its manifest is made up here.

mod address;
mod context;
mod daemon;
mod error;
mod http;
mod increment;
mod memory;
mod send;
mod sink;
mod source;
mod unix;
mod waiting;

pub use address::{Address, AddressError, Surroundings, TlsFiles, find_address};
pub use daemon::{Daemon, ImageStore, Inspected};
pub use error::DaemonError;
pub use sink::DaemonSink;
pub use source::{Copies, DaemonSource};
pub use unix::Connect;
