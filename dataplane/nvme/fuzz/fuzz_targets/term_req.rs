//! See `sluice_nvme::fuzz::term_req`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sluice_nvme::fuzz::term_req(input));
