#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let scratch = tempfile::tempdir().expect("there is room for a directory");
    baler_platform::fuzzing::read_package(bytes, scratch.path());
});
