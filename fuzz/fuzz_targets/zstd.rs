#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| baler_layer::fuzzing::read_zstd(bytes));
