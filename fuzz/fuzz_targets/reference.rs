#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| baler_image::fuzzing::read_reference(bytes));
