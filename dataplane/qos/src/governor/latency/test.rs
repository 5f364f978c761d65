//! Verdicts over made-up completions.

use super::*;
use crate::structure::{EnteredIo, SlotState, SlotTable};

const US: u64 = 1000;
const MS: u64 = 1000 * US;

/// A read of 4 KiB that was sent at `sent_ns` with such haste.
fn read(haste: Haste, sent_ns: u64) -> Slot {
    let mut table = SlotTable::new(1);
    let (kind, state) = (Kind::Read, SlotState::InFlight);
    table.enter(0, EnteredIo { at: sent_ns, volume: 0, bytes: 4096, cost: 1024, units: 1, kind, state });
    let mut slot = *table.get(0);
    slot.haste = haste;
    slot
}

/// Reads that took `us` microseconds each, and the verdict on them.
fn judged(latencies: &mut Latencies, haste: Haste, now_ms: u64, us: &[u64]) -> Option<Verdict> {
    let slot = read(haste, now_ms * MS);
    us.iter().for_each(|us| latencies.record(&slot, Nanos(us * US)));
    latencies.verdict(false, false, Nanos(now_ms * MS))
}

/// A device whose unloaded reads were found to take 80 us.
pub(in crate::governor) fn learned() -> Latencies {
    let mut latencies = Latencies::new(None);
    assert!(!judged(&mut latencies, Haste::Alone, 2, &[80; 200]).unwrap().congested);
    latencies
}

/// What two hundred reads of `us` say that waited here, or did not.
pub(in crate::governor) fn verdict(haste: Haste, us: u64) -> Verdict {
    judged(&mut learned(), haste, 4, &[us; 200]).unwrap()
}

#[test]
fn sizes_have_their_classes() {
    let of = [512, 4096, 4097, 16_384, 16_385, 65_536, 65_537, 262_144, 262_145, u32::MAX].map(class);
    assert_eq!(of, [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]);
}

#[test]
fn a_verdict_takes_enough_ios_and_time() {
    let mut latencies = learned();
    for (haste, enough) in [(Haste::Queued, 64), (Haste::Prompt, 128)] {
        let begun = latencies.directions[0].since.0 / MS;
        assert_eq!(judged(&mut latencies, haste, begun + 3, &vec![80; enough - 1]), None);
        assert_eq!(judged(&mut latencies, haste, begun + 3, &[80]).unwrap().prompt, haste == Haste::Prompt);
        assert_eq!(judged(&mut latencies, haste, begun + 4, &[80; 1000]), None);
        assert!(judged(&mut latencies, haste, begun + 5, &[]).is_some());
        assert_eq!(judged(&mut latencies, haste, begun + 24, &[80; 8]), None);
        assert!(judged(&mut latencies, haste, begun + 25, &[]).is_some());
    }
}

#[test]
fn what_was_sent_before_a_verdict_does_not_count_in_the_next() {
    let mut latencies = learned();
    let early = read(Haste::Prompt, 2 * MS - 1);
    (0..1000).for_each(|_| latencies.record(&early, Nanos(800 * US)));
    assert_eq!(latencies.verdict(false, false, Nanos(50 * MS)), None);
}

#[test]
fn the_tail_of_the_prompt_decides() {
    let mut latencies = learned();
    let mut ios = [80; 200];
    ios[..2].fill(200);
    assert!(!judged(&mut latencies, Haste::Prompt, 10, &ios).unwrap().congested);
    ios[2] = 200;
    assert!(judged(&mut latencies, Haste::Prompt, 20, &ios).unwrap().congested);
    // Two of few are as certain as two of many.
    assert!(judged(&mut latencies, Haste::Prompt, 21, &[80, 200, 200]).unwrap().congested);
    ios.fill(800);
    assert!(judged(&mut latencies, Haste::Prompt, 30, &ios).unwrap().stalled);
    // A few prompt ones count more than a thousand that waited here.
    let late = read(Haste::Queued, 50 * MS);
    (0..1000).for_each(|_| latencies.record(&late, Nanos(80 * US)));
    assert!(judged(&mut latencies, Haste::Prompt, 50, &[200; 8]).unwrap().congested);
}

#[test]
fn those_who_waited_here_bear_a_queue_as_long_as_the_service() {
    assert!(!verdict(Haste::Queued, 140).congested);
    assert!(verdict(Haste::Queued, 150).congested);
    assert!(verdict(Haste::Prompt, 100).congested);
}

#[test]
fn while_mins_lag_nobody_counts_as_prompt() {
    let mut latencies = learned();
    let prompt = read(Haste::Prompt, 5 * MS);
    (0..200).for_each(|_| latencies.record(&prompt, Nanos(120 * US)));
    assert!(!latencies.verdict(false, true, Nanos(5 * MS)).unwrap().congested);
}

#[test]
fn load_does_not_pass_for_age() {
    let mut latencies = learned();
    for round in 0..100 {
        assert!(judged(&mut latencies, Haste::Prompt, 10 + round * 2, &[200; 128]).unwrap().congested);
    }
    // The idle device itself has become slower.
    judged(&mut latencies, Haste::Alone, 300, &[200; 1000]);
    assert!(!judged(&mut latencies, Haste::Prompt, 310, &[200; 128]).unwrap().congested);
}

#[test]
fn an_idle_devices_own_spread_is_no_congestion() {
    let mut latencies = Latencies::new(None);
    let ios: Vec<u64> = (0..1000).map(|number| if number % 10 == 0 { 160 } else { 80 }).collect();
    judged(&mut latencies, Haste::Alone, 2, &ios);
    assert!(!judged(&mut latencies, Haste::Prompt, 10, &ios).unwrap().congested);
}

#[test]
fn a_wait_is_none_up_to_an_eighth_of_the_service() {
    let latencies = learned();
    let slot = read(Haste::Queued, 0);
    assert!(latencies.is_prompt(&slot, Nanos(10 * US)) && !latencies.is_prompt(&slot, Nanos(10 * US + 1)));
}

#[test]
fn writes_become_dear_fast_and_cheap_slowly() {
    let verdict = |mean| Verdict { prompt: false, congested: false, stalled: false, mean };
    let mut factor = WriteFactor::START;
    (0..40).for_each(|_| factor = verdict(40).write_factor(factor));
    assert_eq!(factor, WriteFactor::WORST);
    assert_eq!(verdict(25).write_factor(factor), WriteFactor::WORST);
    (0..144).for_each(|_| factor = verdict(16).write_factor(factor));
    assert_eq!(factor, WriteFactor::LEAST);
}
