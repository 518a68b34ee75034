//! The launcher that ships in every app image.
fn main() {}
