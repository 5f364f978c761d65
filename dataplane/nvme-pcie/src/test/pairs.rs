//! Requests spread over several queue pairs.

use sluice_device::{BlockDevice, Completion, IoError, Nanos, Request};

use super::rig::{MS, Rig, WRITE, results};
use crate::model::Config;
use crate::{Event, Options, ResetCause};

const TIMEOUT_MS: u64 = 800;

fn rig(queue_pairs: u16, granted: u16) -> Rig {
    let config = Config { queue_pairs: granted, shadow_doorbells: false, ..Config::default() };
    Rig::new(config, Options { queue_pairs, command_timeout: Nanos(TIMEOUT_MS * MS), ..Options::default() })
}

fn writes(rig: &Rig, count: u32) -> Vec<Request> {
    (0..count).map(|tag| rig.request(tag, WRITE, u64::from(tag))).collect()
}

fn ok(count: u32) -> Vec<(u32, Result<(), IoError>)> {
    (0..count).map(|tag| (tag, Ok(()))).collect()
}

#[test]
fn as_many_pairs_are_used_as_are_wanted_and_granted() {
    for (wanted, granted, pairs) in
        [(1, 8, 1), (4, 8, 4), (4, 1, 1), (8, 3, 2), (3, 8, 2), (0, 8, 1), (99, 64, 16)]
    {
        let mut rig = rig(wanted, granted);
        assert_eq!(rig.device.queue_pairs(), pairs, "{wanted} wanted, {granted} granted");
        let requests = writes(&rig, 40);
        rig.submit(requests);
        assert_eq!(results(&rig.done()), ok(40));
        assert_eq!(rig.model.counts().queues, (1 << (pairs + 1)) - 2, "all of them, from queue 1 on");
        assert!((0..40).all(|lba| u64::from(rig.read(lba)) == lba));
    }
}

#[test]
fn a_batch_costs_a_doorbell_for_each_pair_it_uses() {
    let mut rig = rig(4, 4);
    rig.after(20);
    for (count, doorbells) in [(1, 1), (2, 2), (4, 4), (16, 4)] {
        let before = rig.model.counts().doorbells;
        let requests = writes(&rig, count);
        rig.submit(requests);
        assert_eq!(rig.model.counts().doorbells - before, doorbells, "for {count} requests");
        let mut completions: [Completion; 16] = std::array::from_fn(|_| Completion::default());
        let done = rig.device.poll(rig.now, &mut completions);
        assert_eq!(results(&completions[..done]), ok(count));
        assert_eq!(rig.model.counts().doorbells - before, 2 * doorbells, "and as many for completions");
    }
}

#[test]
fn stuck_commands_are_aborted_on_the_queue_they_are_on() {
    let mut rig = rig(4, 4);
    rig.model.faults(|faults| faults.swallow = 6);
    let requests = writes(&rig, 8);
    rig.submit(requests);
    assert_eq!(results(&rig.after(3 * TIMEOUT_MS)), ok(8));
    assert_eq!(rig.model.counts().enabled, 1, "no reset was needed");
    let events = rig.events();
    assert!(
        events.len() == 6 && events.iter().all(|event| matches!(event, Event::Aborted { .. })),
        "{events:?}"
    );
}

#[test]
fn a_completion_on_another_queue_than_the_commands_is_not_believed() {
    let mut rig = rig(2, 2);
    rig.model.faults(|faults| faults.hold = true);
    let requests = writes(&rig, 1);
    rig.submit(requests);
    // Slot 0 is on queue 1.
    rig.model.complete_unasked(2, 0);
    assert_eq!(rig.done().len(), 0);
    rig.model.faults(|faults| faults.hold = false);
    assert_eq!(results(&rig.after(50)), ok(1));
    assert_eq!(rig.events(), [Event::Reset(ResetCause::UnknownCommand), Event::Recovered]);
}

#[test]
fn a_reset_that_leaves_fewer_pairs_loses_nothing() {
    let mut rig = rig(8, 8);
    rig.model.faults(|faults| faults.hold = true);
    let requests = writes(&rig, 24);
    rig.submit(requests);
    rig.model.reconfigure(|config| config.queue_pairs = 2);
    rig.device.reset(rig.now);
    rig.model.faults(|faults| faults.hold = false);
    assert_eq!(results(&rig.after(100)), ok(24));
    assert_eq!((rig.device.queue_pairs(), rig.model.counts().queues), (2, 0b110));
    assert!((0..24).all(|lba| u64::from(rig.read(lba)) == lba));
}
