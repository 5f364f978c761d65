//! See `sluice_nvme::fuzz::common_header`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sluice_nvme::fuzz::common_header(input));
