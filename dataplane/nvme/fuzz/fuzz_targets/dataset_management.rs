//! See `sluice_nvme::fuzz::dataset_management`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sluice_nvme::fuzz::dataset_management(input));
