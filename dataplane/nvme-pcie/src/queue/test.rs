//! The rings: alone, and against a controller on another thread, where nothing but the phase tag and the doorbell say
//! what is there.

use std::sync::atomic::Ordering;

use sluice_hugepages::{Backing, DmaMemory};
use sluice_nvme::sqe::Sqe;
use sluice_nvme::status::Status;
use zerocopy::little_endian::{U16, U32, U64};

use super::{CompletionQueue, Ring, Shared, SubmissionQueue};

const SUBMISSION: Ring = Ring { offset: 0, entries: 5 };
const COMPLETION: Ring = Ring { offset: 4096, entries: 5 };

fn memory() -> DmaMemory {
    DmaMemory::new(8192, &Backing::default()).unwrap()
}

/// Writes an entry as a controller does: the dword with the phase tag last.
fn post(memory: &DmaMemory, at: u16, phase: bool, cid: u16, status: Status, result: u32) {
    let place = COMPLETION.offset + u64::from(at) * 16;
    memory.store32(place, result, Ordering::Relaxed);
    let status = u32::from(status.to_cqe_field() | u16::from(phase));
    memory.store32(place + 12, u32::from(cid) | status << 16, Ordering::Release);
}

#[test]
fn entries_are_new_by_their_phase_tag_alone() {
    let memory = memory();
    let mut queue = CompletionQueue::new(COMPLETION);
    assert_eq!(queue.next(&memory), None, "fresh memory holds no entry");
    for pass in 0..4u16 {
        let phase = pass % 2 == 0;
        for at in 0..COMPLETION.entries {
            assert!(!queue.has_next(&memory), "the entry of the pass before is an old one");
            let cid = pass * 8 + at;
            post(&memory, at, phase, cid, Status::LBA_OUT_OF_RANGE.dnr(), u32::from(cid) + 1);
            let entry = queue.next(&memory).unwrap();
            assert_eq!((entry.cid, entry.result), (cid, u32::from(cid) + 1));
            assert_eq!(entry.status, Status::LBA_OUT_OF_RANGE.dnr());
        }
        assert_eq!(queue.head(), 0);
    }
}

#[test]
fn entries_are_written_where_the_tail_says() {
    let memory = memory();
    let mut queue = SubmissionQueue::new(SUBMISSION);
    for count in 0..12u16 {
        let at = u64::from(queue.tail()) * 64;
        let entry = Sqe { cid: U16::new(count), cdw15: U32::new(!u32::from(count)), ..Sqe::default() };
        // SAFETY: the entry points at no memory.
        unsafe { queue.push(&memory, &entry) };
        assert_eq!(memory.load32(at, Ordering::Relaxed) >> 16, u32::from(count));
        assert_eq!(memory.load32(at + 60, Ordering::Relaxed), !u32::from(count));
        assert_eq!(queue.tail(), (count + 1) % SUBMISSION.entries);
    }
}

/// Shared memory of loom's atomics: each order in which two threads can see each other's stores is tried.
struct Explored(Vec<loom::sync::atomic::AtomicU32>);

impl Explored {
    fn word(&self, offset: u64) -> &loom::sync::atomic::AtomicU32 {
        &self.0[usize::try_from(offset / 4).unwrap()]
    }
}

impl Shared for Explored {
    fn load32(&self, offset: u64, order: Ordering) -> u32 {
        self.word(offset).load(order)
    }

    fn store32(&self, offset: u64, value: u32, order: Ordering) {
        self.word(offset).store(value, order);
    }

    fn store64(&self, offset: u64, value: u64) {
        let [low, high]: [U32; 2] = zerocopy::transmute!(U64::new(value));
        self.store32(offset, low.get(), Ordering::Relaxed);
        self.store32(offset + 4, high.get(), Ordering::Relaxed);
    }
}

/// One entry there, one entry back, the ring's second pass, through every interleaving and reordering.
#[test]
fn an_entry_is_seen_whole_or_not_at_all() {
    loom::model(|| {
        // A submission queue of two entries at 0, a completion queue of two at 128.
        let rings = [Ring { offset: 0, entries: 2 }, Ring { offset: 128, entries: 2 }];
        let words = (0..40).map(|_| loom::sync::atomic::AtomicU32::new(0)).collect();
        let (memory, doorbell) = (
            loom::sync::Arc::new(Explored(words)),
            loom::sync::Arc::new(loom::sync::atomic::AtomicU32::new(0)),
        );
        let (theirs, bell) = (loom::sync::Arc::clone(&memory), loom::sync::Arc::clone(&doorbell));
        let controller = loom::thread::spawn(move || {
            while bell.load(Ordering::Acquire) == 0 {
                loom::thread::yield_now();
            }
            let dword10 = theirs.load32(40, Ordering::Relaxed);
            theirs.store32(128, dword10, Ordering::Relaxed);
            theirs.store32(128 + 12, 1 << 16 | 7, Ordering::Release);
        });
        let (mut submission, mut completion) =
            (SubmissionQueue::new(rings[0]), CompletionQueue::new(rings[1]));
        let entry = Sqe { cdw10: U32::new(0xabcd), ..Sqe::default() };
        // SAFETY: the entry points at no memory.
        unsafe { submission.push(&*memory, &entry) };
        doorbell.store(u32::from(submission.tail()), Ordering::Release);
        let done = loop {
            match completion.next(&*memory) {
                Some(entry) => break entry,
                None => loom::thread::yield_now(),
            }
        };
        assert_eq!((done.cid, done.status, done.result), (7, Status::SUCCESS, 0xabcd));
        assert_eq!(completion.next(&*memory), None);
        controller.join().unwrap();
    });
}
