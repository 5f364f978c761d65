//! See `sluice_nvme::fuzz::smart_log`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sluice_nvme::fuzz::smart_log(input));
