//! Rules as text, for the command line: `FAULT[:KEY=VALUE,…]`, as in `503:times=3` or `reset-in:bytes=1000,on=manifests`.
//!
//! [`KINDS`] is the one list of what there is; reading, help and errors come from it.

mod kinds;
mod parse;

pub use kinds::{Key, Kind, Usual};
pub use parse::InvalidRule;

pub use self::kinds::KINDS;
