//! See `sluice_nvme::fuzz::c2h_data`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sluice_nvme::fuzz::c2h_data(input));
