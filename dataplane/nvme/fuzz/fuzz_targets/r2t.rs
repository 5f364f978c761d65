//! See `sluice_nvme::fuzz::r2t`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sluice_nvme::fuzz::r2t(input));
