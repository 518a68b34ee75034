#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let scratch = tempfile::tempdir().expect("a temporary directory can be made");
    baler_layer::fuzzing::stack_layers(bytes, scratch.path());
});
