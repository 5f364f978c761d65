//! See `sluice_nvme::fuzz::crc32c`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sluice_nvme::fuzz::crc32c(input));
