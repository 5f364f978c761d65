//! See `sluice_nvme::fuzz::nqn`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sluice_nvme::fuzz::nqn(input));
