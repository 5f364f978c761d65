use proptest::prelude::*;

use super::*;
use crate::BlockSize;

fn empty(mebibytes: u64) -> Table {
    let (uuid, device_bytes) = (Uuid::from_u128(1), mebibytes << 20);
    Table { uuid, generation: 1, device_bytes, device_block_size: 512, records: Vec::new() }
}

fn spec(number: u32, size_bytes: u64) -> VolumeSpec {
    let (name, app) = (format!("v{number}"), "app".to_owned());
    let uuid = Uuid::from_u128(u128::from(number) + 100);
    VolumeSpec { name, app, size_bytes, block_size: BlockSize::B512, uuid }
}

proptest! {
    /// Any history of creations and deletions: the table stays valid, space adds up, and no first fit is missed.
    #[test]
    fn space_is_never_lost_or_given_twice(steps in prop::collection::vec((any::<bool>(), 0u64..6_000), 1..100)) {
        let mut table = empty(20);
        for (number, (create, amount)) in (0..).zip(steps) {
            if create {
                let size_bytes = (amount + 1) * 512;
                let needed = size_bytes.next_multiple_of(EXTENT_ALIGN_BYTES);
                let fits = table.free().any(|extent| extent.end - extent.start >= needed);
                let created = table.with_volume(spec(number, size_bytes), number);
                prop_assert_eq!(created.is_ok(), fits);
                if let Ok((next, index)) = created {
                    prop_assert_eq!(next.find(index).unwrap().size_bytes, size_bytes);
                    table = next;
                }
            } else if !table.records.is_empty() {
                let victim = table.records[usize::try_from(amount).unwrap() % table.records.len()].index;
                table = table.without_volume(victim).unwrap().0;
            }
            prop_assert_eq!(table.check(), Ok(()));
            let free: u64 = table.free().map(|extent| extent.end - extent.start).sum();
            let held: u64 = table.records.iter().map(|record| record.extent().end - record.offset_bytes).sum();
            prop_assert_eq!(free + held, 19 << 20);
        }
    }
}

#[test]
fn tables_that_could_not_have_been_written_are_found() {
    let (table, _) = empty(20).with_volume(spec(1, 1 << 20), 0).unwrap();
    let (table, _) = table.with_volume(spec(2, 1 << 20), 0).unwrap();
    let broken = |change: fn(&mut Table)| {
        let mut table = table.clone();
        change(&mut table);
        table.check()
    };
    assert_eq!(broken(|_| {}), Ok(()));
    assert!(broken(|table| table.records[1].offset_bytes = 1 << 20).is_err(), "overlap");
    assert!(broken(|table| table.records[0].offset_bytes = 0).is_err(), "over the superblock");
    assert!(broken(|table| table.records[1].offset_bytes += 512).is_err(), "unaligned");
    assert!(broken(|table| table.records[1].offset_bytes = 20 << 20).is_err(), "beyond the end");
    assert!(broken(|table| table.records[1].offset_bytes = u64::MAX << 20).is_err(), "overflow");
    assert!(broken(|table| table.records.swap(0, 1)).is_err(), "unsorted");
    assert!(broken(|table| table.records[1].name = "v1".to_owned()).is_err(), "one name twice");
    assert!(broken(|table| table.device_block_size = 4096).is_err(), "blocks below the device's");
    assert!(broken(|table| table.device_block_size = 1024).is_err());
}
