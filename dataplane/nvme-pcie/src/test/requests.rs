//! Requests on a controller that is well.

use sluice_device::{BlockDevice, IoError, Nanos, Op, Request};

use super::rig::{Rig, WRITE, pool, results};
use crate::Options;
use crate::model::Config;

fn rig(config: Config) -> Rig {
    Rig::new(config, Options::default())
}

#[test]
fn a_batch_costs_one_doorbell_and_its_completions_one() {
    let mut rig = rig(Config { shadow_doorbells: false, ..Config::default() });
    rig.after(20);
    let before = rig.model.counts().doorbells;
    let requests: Vec<Request> = (0..3).map(|tag| rig.request(tag, WRITE, u64::from(tag))).collect();
    rig.submit(requests);
    assert_eq!(rig.model.counts().doorbells - before, 1, "for three requests");
    assert_eq!(results(&rig.done()), [(0, Ok(())), (1, Ok(())), (2, Ok(()))]);
    assert_eq!(rig.model.counts().doorbells - before, 2, "and one for their completions");
    assert_eq!([0, 1, 2].map(|lba| rig.read(lba)), [0, 1, 2]);
}

#[test]
fn both_rings_wrap_many_times() {
    let mut rig = rig(Config { queue_entries: 5, ..Config::default() });
    for tag in 0..100 {
        let requests: Vec<Request> =
            (0..1 + tag % 4).map(|at| rig.request(tag, WRITE, u64::from(at))).collect();
        let count = requests.len();
        rig.submit(requests);
        assert_eq!(results(&rig.done()), vec![(tag, Ok(())); count]);
    }
}

#[test]
fn buffers_of_another_pool_are_refused() {
    let (mut rig, other) = (rig(Config::default()), pool());
    let buffer = other.take(4096);
    rig.submit(vec![Request { tag: 5, op: Op::Read, lba: 0, blocks: 1, buffer }]);
    let done = rig.done();
    assert_eq!((done[0].result, done[0].buffer.is_some()), (Err(IoError::Misaligned), true));
    assert_eq!(rig.model.counts().stray, 0);
    // An operation without data may carry any buffer.
    let buffer = other.take(4096);
    rig.submit(vec![Request { tag: 6, op: Op::Deallocate, lba: 0, blocks: 1, buffer }]);
    assert_eq!(results(&rig.done()), [(6, Ok(()))]);
}

#[test]
fn flushes_reach_only_a_cache_that_is_there() {
    for volatile_write_cache in [false, true] {
        let mut rig = rig(Config { volatile_write_cache, ..Config::default() });
        let flush = rig.request(1, Op::Flush, 0);
        rig.submit(vec![flush]);
        assert_eq!(results(&rig.done()), [(1, Ok(()))]);
        assert_eq!(rig.model.counts().flushes, u64::from(volatile_write_cache));
    }
}

#[test]
fn an_interrupt_wakes_who_sleeps_and_nobody_else() {
    let mut rig = rig(Config { interrupt: true, ..Config::default() });
    let mut signals = [0; 8];
    rig.after(20);
    // What the admin queue had to say is over.
    assert!(rig.device.arm());
    rig.device.disarm();
    rig.model.faults(|faults| faults.hold = true);
    let write = rig.request(1, WRITE, 0);
    rig.submit(vec![write]);
    assert!(rig.device.arm(), "nothing is there yet: sleep");
    rustix::io::read(rig.device.wake_fd().unwrap(), &mut signals).unwrap_err();
    rig.model.faults(|faults| faults.hold = false);
    rustix::io::read(rig.device.wake_fd().unwrap(), &mut signals).unwrap();
    rig.device.disarm();
    assert_eq!(rig.done().len(), 1);
    let write = rig.request(2, WRITE, 0);
    rig.submit(vec![write]);
    rustix::io::read(rig.device.wake_fd().unwrap(), &mut signals).unwrap_err();
    assert!(!rig.device.arm(), "a completion is there already: do not sleep");
    rig.device.disarm();
    assert_eq!(rig.done().len(), 1);
    assert!(rig.device.arm());
    rig.device.disarm();
}

#[test]
fn buffers_stay_with_the_device_until_it_is_done() {
    let mut rig = rig(Config::default());
    let free = rig.pool.available(0);
    rig.model.faults(|faults| faults.hold = true);
    let write = rig.request(1, WRITE, 0);
    rig.submit(vec![write]);
    assert_eq!((rig.pool.available(0), rig.device.in_flight()), (free - 1, 1));
    let Rig { device, model, pool, .. } = rig;
    drop(device);
    assert_eq!(model.counts().cut_off, 1, "the controller is cut off before its buffers are free");
    assert_eq!(pool.available(0), free);
    model.faults(|faults| faults.hold = false);
    assert_eq!((model.counts().executed, model.counts().stray), (0, 0));
}

#[test]
fn a_deadline_is_told_only_while_there_is_something_to_wait_for() {
    let mut rig = rig(Config::default());
    rig.after(20);
    assert_eq!(rig.device.next_deadline(), None);
    let refused = Request { tag: 1, op: Op::Read, lba: 0, blocks: 1, buffer: None };
    rig.submit(vec![refused]);
    assert_eq!(rig.device.next_deadline(), Some(Nanos::ZERO), "a refusal waits");
    assert_eq!(rig.done().len(), 1);
    assert_eq!(rig.device.next_deadline(), None);
}
