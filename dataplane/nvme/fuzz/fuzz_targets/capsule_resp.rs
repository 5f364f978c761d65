//! See `sluice_nvme::fuzz::capsule_resp`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sluice_nvme::fuzz::capsule_resp(input));
