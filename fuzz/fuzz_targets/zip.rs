#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let scratch = tempfile::tempdir().expect("there is room for a directory");
    baler_platform::fuzzing::unpack_zip(bytes, scratch.path());
});
