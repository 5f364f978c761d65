//! See `sluice_nvme::fuzz::effects_log`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sluice_nvme::fuzz::effects_log(input));
