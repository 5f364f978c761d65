//! See `sluice_nvme::fuzz::async_event`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sluice_nvme::fuzz::async_event(input));
