//! See `sluice_nvme::fuzz::feature_effects_log`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sluice_nvme::fuzz::feature_effects_log(input));
