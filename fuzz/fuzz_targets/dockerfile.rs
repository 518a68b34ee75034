#![no_main]

use baler_dockerfile::{Dockerfile, Kind};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = Dockerfile::parse(Kind::Run, bytes);
    let _ = Dockerfile::parse(Kind::Build, bytes);
});
