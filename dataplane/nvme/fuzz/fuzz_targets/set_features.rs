//! See `sluice_nvme::fuzz::set_features`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sluice_nvme::fuzz::set_features(input));
