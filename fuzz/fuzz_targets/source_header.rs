#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| dlcs_fuzz::source_header(bytes));
