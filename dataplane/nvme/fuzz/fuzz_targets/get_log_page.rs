//! See `sluice_nvme::fuzz::get_log_page`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sluice_nvme::fuzz::get_log_page(input));
