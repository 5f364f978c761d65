//! The bytes of every record, pinned.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::thin::app::{AppRecord, Label};
use crate::thin::format::PageRef;
use crate::thin::format::entry::Entry;
use crate::{BlockSize, HostAccess, VolumeSpec};

fn bytes(record: &Record) -> Vec<u8> {
    let mut out = vec![0xee; record.bytes()];
    assert_eq!(record.encode(&mut out), out.len());
    out
}

/// The record has these bytes, comes back from them, and comes back from nothing shorter.
fn check(record: Record, golden: &[u8]) {
    let bytes = bytes(&record);
    assert_eq!(&bytes[..golden.len()], golden);
    assert!(bytes[golden.len()..].iter().all(|byte| *byte == 0));
    assert_eq!(bytes.len() % 8, 0);
    for length in 0..bytes.len() {
        assert!(Record::decode(&bytes[..length]).is_err(), "{length} of {} bytes", bytes.len());
    }
    let mut longer = bytes.clone();
    longer.push(1);
    assert_eq!(Record::decode(&longer), Ok((record, &[1][..])));
}

const RUN: Run = Run { first: 30, count: 2 };

#[test]
fn data_records() {
    let write = Write { map: 2, index: 3, chunk: 4, run: RUN, data_crc64: 0x0102_0304_0506_0708 };
    check(Record::Write(write), &[1, 0, 30, 2, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1]);
    check(Record::Void(Void::of(&write)), &[3, 0, 30, 2, 2, 0, 0, 0, 3, 0, 0, 0, 4]);
    let unmap = Unmap { map: 2, start: 5, end: 0x0101 };
    check(Record::Unmap(unmap), &[2, 0, 0, 0, 2, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
}

#[test]
fn runs_lie_within_their_chunk() {
    assert_eq!(RUN.mask(), 0xc000_0000);
    assert_eq!(Run { first: 0, count: 32 }.mask(), u32::MAX);
    let mut write = bytes(&Record::Write(Write { map: 2, index: 3, chunk: 4, run: RUN, data_crc64: 0 }));
    for (first, count) in [(30, 3), (32, 1), (0, 0), (0, 33), (255, 255)] {
        (write[2], write[3]) = (first, count);
        assert!(Record::decode(&write).is_err(), "{first} {count}");
    }
}

#[test]
fn volume_records() {
    check(Record::Delete(Delete { map: 9 }), &[5, 0, 0, 0, 9]);
    check(Record::Rollback(Rollback { map: 9, source: 8 }), &[6, 0, 0, 0, 9, 0, 0, 0, 8]);
    check(Record::Resize(Resize { map: 9, size_bytes: 0x1000 }), &[7, 0, 0, 0, 9, 0, 0, 0, 0, 0x10]);
    check(Record::SetQos(SetQos { map: 9, qos: [1, 0, 0, 0] }), &[11, 0, 0, 0, 9, 0, 0, 0, 1]);
}

#[test]
fn making_records() {
    let spec = VolumeSpec {
        name: "n".to_owned(),
        app: "a".to_owned(),
        size_bytes: 4096,
        block_size: BlockSize::B4096,
        uuid: Uuid::from_u128(1),
    };
    let entry = Entry {
        id: 7,
        spec,
        snapshot: true,
        thick: false,
        published: false,
        listed_hosts: false,
        origin: 3,
        created_us: 0,
        qos: [0; 4],
        root: PageRef::NONE,
        hosts: PageRef::NONE,
    };
    let make = Make { part: 1, parts: 2, source: 3, entry };
    let mut golden = vec![4, 0, 1, 2, 3, 0, 0, 0];
    golden.extend([0; 15]);
    golden.extend([1, 7, 0, 0, 0, 1]);
    let record = Record::Make(Box::new(make.clone()));
    assert_eq!(&bytes(&record)[..golden.len()], golden);
    assert_eq!(bytes(&record).len(), 264);
    assert_eq!(Record::decode(&bytes(&record)), Ok((record, &[][..])));
    let impossible = Record::Make(Box::new(Make { part: 2, ..make }));
    assert!(Record::decode(&bytes(&impossible)).is_err());
}

#[test]
fn access_records() {
    let any = Access { map: 9, published: true, access: HostAccess::Any };
    check(Record::Access(any), &[8, 0, 1, 0, 9]);
    let none = Access { map: 9, published: false, access: HostAccess::Hosts(vec![]) };
    check(Record::Access(none), &[8, 0, 2, 0, 9]);
    let listed = Access { map: 9, published: true, access: HostAccess::Hosts(vec!["nqn.a".to_owned()]) };
    check(Record::Access(listed), &[8, 0, 3, 1, 9, 0, 0, 0, 5, b'n', b'q', b'n', b'.', b'a']);
    let mut unlisted = bytes(&Record::Access(Access { map: 9, published: true, access: HostAccess::Any }));
    unlisted[2] = 4;
    assert!(Record::decode(&unlisted).is_err(), "an unknown flag");
}

#[test]
fn application_records() {
    check(
        Record::RemoveApp(RemoveApp { name: "shop".to_owned() }),
        &[10, 4, 0, 0, 0, 0, 0, 0, b's', b'h', b'o', b'p'],
    );
    let labels = vec![Label { key: "k".to_owned(), value: String::new() }];
    let app = AppRecord { name: "shop".to_owned(), labels, qos: [0; 16] };
    let set = Record::SetApp(Box::new(SetApp { app }));
    let encoded = bytes(&set);
    assert_eq!(encoded.len(), 8 + 200 + 128);
    assert_eq!(&encoded[..8], [9, 0, 80, 1, 0, 0, 0, 0]);
    assert_eq!(&encoded[136..138], [4, 1]);
    assert_eq!(&encoded[208..211], [1, 0, b'k']);
    assert_eq!(Record::decode(&encoded), Ok((set, &[][..])));
    let mut short = encoded;
    short[2] = 72;
    assert!(Record::decode(&short).is_err(), "its length contradicts its labels");
    let mut profile = [0; 32];
    profile[0] = 3;
    check(Record::SetProfile(Box::new(SetProfile { profile })), &[12, 0, 0, 0, 0, 0, 0, 0, 3]);
}

#[test]
fn a_block_is_records_and_nothing_else() {
    let records = [Record::Delete(Delete { map: 1 }), Record::Resize(Resize { map: 2, size_bytes: 3 })];
    let mut block: Vec<u8> = records.iter().flat_map(bytes).collect();
    assert_eq!(Record::decode_all(&block), Ok(records.to_vec()));
    block.extend([5, 0, 0]);
    assert!(Record::decode_all(&block).is_err());
    assert_eq!(Record::decode_all(&[]), Ok(vec![]));
    assert!(Record::decode(&[13, 0, 0, 0, 0, 0, 0, 0]).is_err());
}

proptest! {
    /// What decodes is written as it was read: there are no two ways to say a thing.
    #[test]
    fn decoding_is_the_inverse(kind in 0u8..14, mut bytes in proptest::collection::vec(any::<u8>(), 4..300)) {
        bytes[0] = kind;
        if let Ok((record, rest)) = Record::decode(&bytes) {
            prop_assert_eq!(&self::bytes(&record)[..], &bytes[..bytes.len() - rest.len()]);
        }
    }
}
