//! See `sluice_nvme::fuzz::descriptor_list`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sluice_nvme::fuzz::descriptor_list(input));
