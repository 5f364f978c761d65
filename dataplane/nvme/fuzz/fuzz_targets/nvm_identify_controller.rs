//! See `sluice_nvme::fuzz::nvm_identify_controller`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sluice_nvme::fuzz::nvm_identify_controller(input));
