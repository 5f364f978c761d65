//! See `sluice_nvme::fuzz::identify_command`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sluice_nvme::fuzz::identify_command(input));
