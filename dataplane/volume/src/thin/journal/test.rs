use sluice_device::BlockDevice;
use sluice_device::null::{NullDevice, NullOptions};

use super::super::format::record::Run;
use super::super::format::record::{Delete, Write};
use super::*;

fn journal() -> Journal {
    let device =
        NullDevice::new("n", &NullOptions { block_size: 4096, blocks: 4096, ..NullOptions::default() });
    Journal::new(Uuid::from_u128(1), 3, Geometry::new(device.info()).unwrap(), 10, 64)
}

fn write(number: u32) -> Record {
    let run = Run { first: 0, count: 1 };
    Record::Write(Write { map: 1, index: number, chunk: 20, run, data_crc64: 0 })
}

fn form(journal: &mut Journal) -> (u64, Vec<Record>) {
    let mut block = vec![0xff; 4096];
    let (sequence, address) = journal.form(&mut block);
    let head = JournalHead::open(Uuid::from_u128(1), address, &block).unwrap();
    assert_eq!((head.era, head.sequence), (3, sequence));
    (sequence, Record::decode_all(head.records(&block)).unwrap())
}

#[test]
fn blocks_are_acknowledged_in_order() {
    let mut journal = journal();
    let first = journal.append(write(0));
    assert_eq!(form(&mut journal).0, 10);
    let second = journal.append(write(1));
    assert_eq!(form(&mut journal).0, 11);
    journal.complete(11);
    assert!(!journal.is_acknowledged(first) && !journal.is_acknowledged(second));
    assert_eq!(journal.acknowledged_sequence(), 9);
    journal.complete(10);
    assert!(journal.is_acknowledged(second));
    assert_eq!(journal.acknowledged_sequence(), 11);
}

#[test]
fn a_round_shares_a_block_and_the_rest_goes_on() {
    let mut journal = journal();
    for number in 0..200 {
        journal.append(write(number));
    }
    let (_, records) = form(&mut journal);
    assert_eq!(records.len(), RECORD_BYTES / 24);
    assert_eq!(form(&mut journal).1.len(), 200 - records.len());
    assert!(!journal.wants_block());
}

#[test]
fn a_cut_ends_a_block() {
    let mut journal = journal();
    journal.append(write(0));
    let cut = journal.cut();
    journal.append(Record::Delete(Delete { map: 7 }));
    assert_eq!(journal.sequence_of(cut), None);
    assert_eq!(form(&mut journal).1, [write(0)]);
    assert_eq!(journal.sequence_of(cut), Some(10));
    assert_eq!(form(&mut journal).1.len(), 1);
    let formed = journal.cut();
    assert_eq!(journal.sequence_of(formed), Some(11), "nothing waits, so the last block is the one");
}

#[test]
fn the_ring_keeps_room_for_a_checkpoint() {
    let mut journal = journal();
    let mut rounds = 0;
    loop {
        journal.append(write(0));
        if !journal.wants_block() {
            break;
        }
        let (sequence, _) = form(&mut journal);
        journal.complete(u32::try_from(sequence).unwrap());
        rounds += 1;
    }
    assert_eq!(rounds, 128 - STRETCH_BLOCKS);
    assert!(journal.is_full() && journal.is_half_full());
    journal.stretch();
    assert!(journal.wants_block());
    let (sequence, _) = form(&mut journal);
    journal.append(write(0));
    assert!(!journal.wants_block(), "what comes later waits");
    journal.trim(sequence);
    assert!(journal.wants_block() && !journal.is_half_full());
}

#[test]
fn flights_are_few() {
    let mut journal = journal();
    for number in 0..FLIGHTS {
        journal.append(write(u32::try_from(number).unwrap()));
        assert!(journal.wants_block());
        form(&mut journal);
    }
    journal.append(write(0));
    assert!(!journal.wants_block());
}
