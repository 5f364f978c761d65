//! See `sluice_nvme::fuzz::nqn_field`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sluice_nvme::fuzz::nqn_field(input));
