//! See `sluice_nvme::fuzz::ic_resp`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sluice_nvme::fuzz::ic_resp(input));
