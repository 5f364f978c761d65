//! See `sluice_nvme::fuzz::command_sets`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sluice_nvme::fuzz::command_sets(input));
