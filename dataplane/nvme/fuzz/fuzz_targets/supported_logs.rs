//! See `sluice_nvme::fuzz::supported_logs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sluice_nvme::fuzz::supported_logs(input));
