//! See `sluice_nvme::fuzz::connect_data`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sluice_nvme::fuzz::connect_data(input));
