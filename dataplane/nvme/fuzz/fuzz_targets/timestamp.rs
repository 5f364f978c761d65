//! See `sluice_nvme::fuzz::timestamp`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sluice_nvme::fuzz::timestamp(input));
