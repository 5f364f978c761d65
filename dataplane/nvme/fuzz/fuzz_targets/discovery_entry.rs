//! See `sluice_nvme::fuzz::discovery_entry`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sluice_nvme::fuzz::discovery_entry(input));
