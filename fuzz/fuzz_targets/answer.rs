#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| baler_registry::fuzzing::read_answer(bytes));
