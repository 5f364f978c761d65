//! See `sluice_nvme::fuzz::sqe`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sluice_nvme::fuzz::sqe(input));
