//! See `sluice_nvme::fuzz::connect_command`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sluice_nvme::fuzz::connect_command(input));
