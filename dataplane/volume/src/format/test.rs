use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::{BlockSize, HostAccess, VolumeSpec};

/// A table with one published volume that lists two hosts.
fn table() -> Table {
    let (uuid, device_bytes) = (Uuid::from_u128(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10), 64 << 20);
    let empty = Table { uuid, generation: 6, device_bytes, device_block_size: 512, records: Vec::new() };
    let spec = VolumeSpec {
        name: "pg-data".to_owned(),
        app: "shop".to_owned(),
        size_bytes: 3 << 20,
        block_size: BlockSize::B4096,
        uuid: Uuid::from_u128(0xf1f2_f3f4_f5f6_f7f8_f9fa_fbfc_fdfe_ff00),
    };
    let (table, index) = empty.with_volume(spec, 0).unwrap();
    let hosts = HostAccess::Hosts(vec!["nqn.a".to_owned(), "nqn.bc".to_owned()]);
    table.with_access(index, true, hosts).unwrap()
}

fn image(copy: u32) -> Vec<u8> {
    let mut image = vec![0xee; COPY_BYTES];
    assert_eq!(encode(&table(), copy, &mut image), 4096);
    image
}

/// Every byte that is not zero, as the module's tables promise them.
#[test]
fn golden_bytes() {
    let image = image(1);
    let mut golden = vec![0; COPY_BYTES];
    let mut put = |at: usize, bytes: &[u8]| golden[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"SLUICEPL");
    put(8, &[1]);
    put(12, &image[12..16]);
    put(16, &[8]);
    put(24, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
    put(40, &[0, 0, 0, 4]);
    put(48, &[0, 2]);
    put(52, &[1]);
    put(56, &[1]);
    let uuid = [0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe, 0xff, 0];
    put(2048, &uuid);
    put(2048 + 16, &[0, 0, 0x10]);
    put(2048 + 24, &[0, 0, 0x30]);
    put(2048 + 32, &[0, 0x10]);
    put(2048 + 36, &[3]);
    put(2048 + 40, &[7, 4, 2]);
    put(2048 + 48, b"pg-data");
    put(2048 + 112, b"shop");
    put(2048 + 256, b"\x05nqn.a");
    put(2048 + 480, b"\x06nqn.bc");
    assert_eq!(image, golden);
    assert_eq!(image[12..16], [0x68, 0xe1, 0x73, 0xf2], "CRC32C by an independent program");
}

#[test]
fn decodes_what_it_encoded() {
    assert_eq!(decode(&image(0), 0), Found::Valid(table()));
    assert_eq!(decode(&image(1), 1), Found::Valid(table()));
    assert_eq!(decode(&image(1), 0), Found::Damaged("it is the other copy"));
}

#[test]
fn every_flipped_bit_is_found() {
    let good = image(0);
    for bit in (64..4096 * 8).chain(12 * 8..16 * 8) {
        let mut image = good.clone();
        image[bit / 8] ^= 1 << (bit % 8);
        let found = decode(&image, 0);
        assert!(matches!(found, Found::Damaged(_) | Found::Newer(_)), "bit {bit}: {found:?}");
    }
}

#[test]
fn what_lies_behind_the_records_is_meaningless() {
    let mut image = image(0);
    image[4096..].fill(0x77);
    assert_eq!(decode(&image, 0), Found::Valid(table()));
}

#[test]
fn blank_foreign_and_newer_are_told_apart() {
    let mut image = vec![0; COPY_BYTES];
    assert_eq!(decode(&image, 0), Found::Nothing);
    image[COPY_BYTES - 1] = 1;
    assert_eq!(decode(&image, 0), Found::Foreign);
    image[..12].copy_from_slice(b"SLUICEPL\x02\0\0\0");
    assert_eq!(decode(&image, 0), Found::Newer(2));
    image[8] = 0;
    assert!(matches!(decode(&image, 0), Found::Damaged(_)));
}

/// Recomputes the checksum after a change that is wrong for another reason.
fn resealed(change: impl FnOnce(&mut [u8])) -> Found {
    let mut image = image(0);
    change(&mut image);
    let crc = checksum(&image[..4096]);
    image[Header::CRC32C].copy_from_slice(&crc.to_le_bytes());
    decode(&image, 0)
}

#[test]
fn a_valid_checksum_over_nonsense_is_not_believed() {
    assert_eq!(resealed(|_| {}), Found::Valid(table()));
    let nonsense: [fn(&mut [u8]); 10] = [
        |image| image[60] = 1,
        |image| image[2048 + 36] |= 4,
        |image| image[2048 + 40] = 64,
        |image| image[2048 + 41] = 0,
        |image| image[2048 + 42] = 9,
        |image| image[2048 + 48] = b'P',
        |image| image[2048 + 60] = b'x',
        |image| image[2048 + 176] = 1,
        |image| image[2048 + 256] = 224,
        |image| image[2048 + 33] = 0x20,
    ];
    for (number, change) in nonsense.into_iter().enumerate() {
        assert!(matches!(resealed(change), Found::Damaged(_)), "change {number}");
    }
    assert_eq!(resealed(|image| image[53] = 1), Found::Damaged("it counts too many volumes"));
}

proptest! {
    /// The decoder survives anything, with a checksum that lets it look further.
    #[test]
    fn arbitrary_records_never_panic(noise in prop::collection::vec(any::<(u16, u8)>(), 1..40)) {
        resealed(|image| {
            for (at, byte) in noise {
                image[16 + usize::from(at) % 4080] = byte;
            }
        });
    }
}
