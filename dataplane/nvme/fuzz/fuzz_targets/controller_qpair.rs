//! See `sluice_nvme::fuzz::controller_qpair`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sluice_nvme::fuzz::controller_qpair(input));
