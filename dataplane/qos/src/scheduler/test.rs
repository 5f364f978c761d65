//! The scheduler's calls, one at a time. Bounds over time are in `tests/`.

use super::*;
use crate::governor::DeviceProfile;
use crate::model::{Kind, Qos, QosSpec, VolumeQos, VolumeQosSpec, WriteFactor};

const US: u64 = 1000;
const MS: u64 = 1000 * US;
const S: u64 = 1000 * MS;

const PROFILE: DeviceProfile = DeviceProfile {
    read_4k: Nanos(80 * US),
    read_128k: Nanos(80 * US),
    write_4k: Nanos(80 * US),
    write_128k: Nanos(80 * US),
    worst_iops: 100_000,
    worst_cost_per_s: 100_000 * 2560,
    write_factor: WriteFactor::LEAST,
};

/// At most `max_in_flight` at the device, 80,000 IOPS to be promised.
fn scheduler(max_in_flight: u32) -> Scheduler {
    Scheduler::new(
        Nanos::ZERO,
        Config { apps: 4, volumes: 8, ..Config::new(64, max_in_flight, Some(PROFILE)) },
    )
}

fn qos(min_iops: u32, max_iops: Option<u32>) -> Qos {
    Qos::new(QosSpec { min_iops, max_iops, ..QosSpec::default() }).unwrap()
}

fn app(scheduler: &mut Scheduler, qos: Qos) -> (AppIndex, Tag) {
    let app = scheduler.add_app(Nanos::ZERO, qos).unwrap();
    (app, scheduler.add_volume(Nanos::ZERO, app, VolumeQos::default()).unwrap())
}

fn enqueue(scheduler: &mut Scheduler, now: u64, slot: u32, tag: Tag) -> Placement {
    scheduler.enqueue(Nanos(now), Io { slot, tag, kind: Kind::Read, bytes: 4096 })
}

fn dispatch(scheduler: &mut Scheduler, now: u64) -> Vec<u32> {
    let mut slots = [0; 64];
    let count = scheduler.dispatch(Nanos(now), &mut slots);
    slots[..count].to_vec()
}

#[test]
fn an_io_goes_at_once_when_nothing_hinders_it() {
    let mut scheduler = scheduler(2);
    let (index, tag) = app(&mut scheduler, Qos::default());
    assert_eq!(enqueue(&mut scheduler, 0, 0, tag), Placement::Go);
    assert_eq!(enqueue(&mut scheduler, 0, 1, tag), Placement::Go);
    // The device is full.
    assert_eq!(enqueue(&mut scheduler, 5, 2, tag), Placement::Held);
    assert_eq!(dispatch(&mut scheduler, 5), [0; 0]);
    scheduler.complete(Nanos(9), 1);
    assert_eq!(dispatch(&mut scheduler, 9), [2]);
    let view = scheduler.app(index).unwrap();
    assert_eq!((view.queued, view.stats.ios, view.stats.queue_latency.count()), (0, 3, 3));
    assert_eq!((view.stats.waited_for(crate::Cause::Device), view.stats.throttled_ns()), (4, 0));
    assert_eq!(scheduler.device().governor.in_flight, 2);
}

#[test]
fn what_cannot_go_yet_takes_no_room() {
    let mut scheduler = scheduler(1);
    let (index, tag) = app(&mut scheduler, qos(0, Some(200)));
    assert_eq!(enqueue(&mut scheduler, 0, 0, tag), Placement::Go);
    scheduler.park(0);
    assert_eq!(scheduler.device().governor.in_flight, 0);
    // Its room is another's. What it paid stays paid: Max lets one more of 5 ms of it through, no third.
    assert_eq!(enqueue(&mut scheduler, 0, 1, tag), Placement::Held);
    assert_eq!(dispatch(&mut scheduler, 5 * MS), [1]);
    assert!(matches!(scheduler.remove_volume(tag), Err(ControlError::VolumeInUse { .. })));
    scheduler.unpark(Nanos(6 * MS), 0);
    assert_eq!(scheduler.device().governor.in_flight, 2);
    scheduler.complete(Nanos(6 * MS + 80 * US), 0);
    scheduler.complete(Nanos(6 * MS + 80 * US), 1);
    // The device took its time from when it had the I/O.
    let latency = &scheduler.app(index).unwrap().stats.device_latency;
    assert!(latency.permille(1000).0 < 2 * MS, "{latency:?}");
    // One that is taken back while it is parked is gone.
    assert_eq!(enqueue(&mut scheduler, 20 * MS, 0, tag), Placement::Go);
    scheduler.park(0);
    assert!(scheduler.remove(Nanos(20 * MS), 0) && !scheduler.remove(Nanos(20 * MS), 0));
    assert_eq!(scheduler.remove_volume(tag), Ok(()));
}

#[test]
fn the_hold_limit_is_kept_one_step_either_side() {
    let mut scheduler = scheduler(8);
    let (index, tag) = app(&mut scheduler, qos(0, Some(10)));
    // 128 units at once: the next one would wait for 12.7 s.
    let long = Io { slot: 0, tag, kind: Kind::Read, bytes: 2 << 20 };
    assert_eq!(scheduler.enqueue(Nanos::ZERO, long), Placement::Go);
    assert_eq!(enqueue(&mut scheduler, 0, 1, tag), Placement::Held);
    let limit = 7500 * MS;
    for now in (0..limit).step_by(usize::try_from(10 * MS).unwrap()).chain([limit - 1]) {
        assert_eq!(dispatch(&mut scheduler, now), [0; 0], "after {now} ns");
    }
    // Every volume is looked at every 100 ms.
    let noticed = (0..=100).map(|ms| limit + ms * MS).find(|now| dispatch(&mut scheduler, *now) == [1]);
    assert!(noticed.is_some());
    assert_eq!(scheduler.app(index).unwrap().stats.overdue, 1);
    assert_eq!(scheduler.poll_event(), Some(Event::HeldTooLong { app: index }));
}

#[test]
fn a_volumes_ios_keep_their_order_and_volumes_take_turns() {
    let mut scheduler = scheduler(1);
    let (index, first) = app(&mut scheduler, Qos::default());
    let second = scheduler.add_volume(Nanos::ZERO, index, VolumeQos::default()).unwrap();
    assert_eq!(enqueue(&mut scheduler, 0, 9, first), Placement::Go);
    for slot in 0..3 {
        assert_eq!(enqueue(&mut scheduler, 0, slot, first), Placement::Held);
        assert_eq!(enqueue(&mut scheduler, 0, slot + 10, second), Placement::Held);
    }
    let (mut last, mut order) = (9, Vec::new());
    for now in 1..7 {
        scheduler.complete(Nanos(now), last);
        last = dispatch(&mut scheduler, now)[0];
        order.push(last);
    }
    let of = |first: u32| order.iter().filter(|slot| **slot / 10 == first).copied().collect::<Vec<_>>();
    assert_eq!((of(0), of(1)), (vec![0, 1, 2], vec![10, 11, 12]));
    assert!(order.chunks(2).all(|pair| pair[0] / 10 != pair[1] / 10), "{order:?}");
}

#[test]
fn a_queued_io_can_be_taken_back_and_leaves_no_trace() {
    let mut scheduler = scheduler(1);
    let (index, tag) = app(&mut scheduler, qos(0, Some(1000)));
    assert_eq!(enqueue(&mut scheduler, 0, 0, tag), Placement::Go);
    for slot in 1..4 {
        assert_eq!(enqueue(&mut scheduler, 0, slot, tag), Placement::Held);
    }
    assert!(scheduler.remove(Nanos(1), 2) && !scheduler.remove(Nanos(1), 2));
    assert!(!scheduler.remove(Nanos(1), 0), "it is at the device");
    assert!(!scheduler.remove(Nanos(1), 50), "it was never here");
    scheduler.complete(Nanos(2), 0);
    assert_eq!(dispatch(&mut scheduler, 2), [1]);
    assert!(scheduler.remove(Nanos(3), 3));
    assert_eq!((scheduler.queued(tag), scheduler.app(index).unwrap().stats.ios), (Ok(0), 2));
    scheduler.complete(Nanos(4), 1);
    assert_eq!(scheduler.next_deadline(Nanos(4)), None);
    // The slot serves again.
    assert_eq!(enqueue(&mut scheduler, 5, 2, tag), Placement::Go);
}

#[test]
#[should_panic(expected = "slot 3 is not at the device but Queued")]
fn an_io_that_waits_cannot_complete() {
    let mut scheduler = scheduler(1);
    let (_, tag) = app(&mut scheduler, Qos::default());
    let _ = (enqueue(&mut scheduler, 0, 2, tag), enqueue(&mut scheduler, 0, 3, tag));
    scheduler.complete(Nanos(1), 3);
}

#[test]
fn a_throttled_app_tells_when_and_its_wait_has_a_cause() {
    let mut scheduler = scheduler(64);
    let (index, tag) = app(&mut scheduler, qos(0, Some(1000)));
    // 5 ms of Max are there: five I/Os, and one on credit.
    for slot in 0..5 {
        assert_eq!(enqueue(&mut scheduler, 0, slot, tag), Placement::Go);
    }
    assert_eq!(enqueue(&mut scheduler, 0, 5, tag), Placement::Held);
    assert_eq!(dispatch(&mut scheduler, 0), [0; 0]);
    let at = scheduler.next_deadline(Nanos::ZERO).unwrap();
    assert!(at.0 > 0 && at.0 <= 20 * US, "the first token comes at once: {at}");
    assert_eq!(dispatch(&mut scheduler, at.0), [5]);
    assert_eq!(enqueue(&mut scheduler, at.0, 6, tag), Placement::Held);
    assert_eq!(dispatch(&mut scheduler, at.0), [0; 0]);
    let next = scheduler.next_deadline(at).unwrap();
    assert!((at.0 + 950 * US..=at.0 + MS + 20 * US).contains(&next.0), "then one in a millisecond: {next}");
    assert_eq!(dispatch(&mut scheduler, next.0), [6]);
    let stats = scheduler.app(index).unwrap().stats;
    assert_eq!(stats.waited_for(crate::Cause::Max), next.0);
}

#[test]
fn a_volumes_cap_holds_that_volume_only() {
    let mut scheduler = scheduler(64);
    let (index, free) = app(&mut scheduler, Qos::default());
    let cap = VolumeQos::new(VolumeQosSpec { max_iops: Some(200), ..VolumeQosSpec::default() }).unwrap();
    let capped = scheduler.add_volume(Nanos::ZERO, index, cap).unwrap();
    assert_eq!(enqueue(&mut scheduler, 0, 0, capped), Placement::Go);
    assert_eq!(enqueue(&mut scheduler, 0, 1, capped), Placement::Held);
    assert_eq!(dispatch(&mut scheduler, 0), [0; 0]);
    assert_eq!(enqueue(&mut scheduler, 1, 2, free), Placement::Held);
    assert_eq!(dispatch(&mut scheduler, 1), [2]);
    let at = scheduler.next_deadline(Nanos(1)).unwrap().0;
    assert_eq!(dispatch(&mut scheduler, at), [1]);
    let waited = scheduler.app(index).unwrap().stats.waited_for(crate::Cause::Volume);
    assert!(waited > 0 && waited <= at);
    // Without the cap the next one goes at once.
    assert_eq!(enqueue(&mut scheduler, at, 3, capped), Placement::Held);
    assert_eq!(dispatch(&mut scheduler, at), [0; 0]);
    scheduler.change_volume(Nanos(at), capped, VolumeQos::default()).unwrap();
    assert_eq!(dispatch(&mut scheduler, at), [3]);
}

#[test]
fn a_min_goes_before_weights_and_the_latency_class_before_other_mins() {
    let mut scheduler = scheduler(1);
    let (_, weight) = app(&mut scheduler, Qos::new(QosSpec { weight: 1000, ..QosSpec::default() }).unwrap());
    let (_, normal) = app(&mut scheduler, qos(100, None));
    let low = QosSpec { min_iops: 100, latency: crate::LatencyClass::Low, ..QosSpec::default() };
    let (_, low) = app(&mut scheduler, Qos::new(low).unwrap());
    let _ = enqueue(&mut scheduler, 0, 0, weight);
    for (slot, tag) in [(1, weight), (2, normal), (3, low)] {
        assert_eq!(enqueue(&mut scheduler, 0, slot, tag), Placement::Held);
    }
    let (mut last, mut order) = (0, Vec::new());
    for now in 1..4 {
        scheduler.complete(Nanos(now), last);
        last = dispatch(&mut scheduler, now)[0];
        order.push(last);
    }
    assert_eq!(order, [3, 2, 1]);
}

#[test]
fn mins_are_promised_up_to_what_the_device_keeps() {
    let mut scheduler = scheduler(1);
    let (first, _) = app(&mut scheduler, qos(50_000, None));
    let (second, _) = app(&mut scheduler, qos(30_000, None));
    assert_eq!(scheduler.device().admission.free_iops(), 0);
    let refused = scheduler.add_app(Nanos(0), qos(1, None)).unwrap_err();
    assert!(refused.to_string().contains("80001") && refused.to_string().contains("at most 0"), "{refused}");
    // Moving from one to the other is one change.
    let change = |app, min_iops| Change { app, qos: qos(min_iops, None) };
    assert!(scheduler.change(Nanos(0), &[change(second, 30_001)]).is_err());
    scheduler.change(Nanos(0), &[change(second, 79_000), change(first, 1000)]).unwrap();
    assert_eq!(
        scheduler.change(Nanos(0), &[change(first, 1), change(first, 2)]),
        Err(ControlError::Twice { app: first })
    );
    assert_eq!(scheduler.app(second).unwrap().min_iops_now, 79_000);
}

#[test]
fn an_uncalibrated_device_promises_nothing() {
    let mut scheduler = Scheduler::new(Nanos::ZERO, Config::new(64, 8, None));
    let refused = scheduler.add_app(Nanos(0), qos(1, None));
    assert_eq!(refused, Err(crate::AdmissionError::NotCalibrated.into()));
    scheduler.calibrated(PROFILE).unwrap();
    assert!(scheduler.add_app(Nanos(0), qos(80_000, None)).is_ok());
    let nonsense = DeviceProfile { worst_iops: 0, ..PROFILE };
    assert!(matches!(scheduler.calibrated(nonsense), Err(ControlError::Profile(_))));
}

fn lease(min_iops: u32, max_iops: Option<u32>, ms: u64) -> Lease {
    Lease { min_iops, max_iops, duration: Nanos(ms * MS) }
}

#[test]
fn a_lease_is_granted_if_it_can_be_kept_and_returns_by_itself() {
    let mut scheduler = scheduler(1);
    let (one, _) = app(&mut scheduler, qos(20_000, Some(30_000)));
    let (_other, _) = app(&mut scheduler, qos(20_000, None));
    assert!(matches!(
        scheduler.lease(Nanos(0), one, lease(60_001, Some(70_000), 100)),
        Err(ControlError::Admission(crate::AdmissionError::Exceeded { free_iops: 60_000, .. }))
    ));
    let above_max = scheduler.lease(Nanos(0), one, lease(60_000, None, 100));
    assert_eq!(above_max, Err(ControlError::LeaseMinAboveMax { min_iops: 60_000, max_iops: 30_000 }));
    assert!(matches!(
        scheduler.lease(Nanos(0), one, lease(1, None, 1)),
        Err(ControlError::LeaseLowers { .. })
    ));
    scheduler.lease(Nanos(0), one, lease(60_000, Some(70_000), 100)).unwrap();
    assert_eq!(scheduler.device().admission.free_iops(), 0);
    assert_eq!(scheduler.app(one).unwrap().min_iops_now, 60_000);
    let until = Nanos(100 * MS);
    assert_eq!(scheduler.next_deadline(Nanos(0)), Some(until));
    assert_eq!(dispatch(&mut scheduler, 100 * MS - 1), [0; 0]);
    assert_eq!(scheduler.app(one).unwrap().lease_until, Some(until));
    assert_eq!(dispatch(&mut scheduler, 101 * MS), [0; 0]);
    assert_eq!(scheduler.poll_event(), Some(Event::LeaseEnded { app: one }));
    let view = scheduler.app(one).unwrap();
    assert_eq!((view.min_iops_now, view.lease_until, view.qos), (20_000, None, qos(20_000, Some(30_000))));
    assert_eq!(
        (scheduler.device().admission.promised_iops(), scheduler.next_deadline(until)),
        (40_000, None)
    );
}

#[test]
fn an_apps_own_min_stays_promised_under_a_lease() {
    let mut scheduler = scheduler(1);
    let (one, _) = app(&mut scheduler, qos(20_000, None));
    scheduler.lease(Nanos(0), one, lease(50_000, None, 100)).unwrap();
    // What it has after the lease is raised beyond what it has under it.
    scheduler.change(Nanos(0), &[Change { app: one, qos: qos(70_000, None) }]).unwrap();
    assert_eq!(scheduler.device().admission.promised_iops(), 70_000);
    assert_eq!(scheduler.app(one).unwrap().min_iops_now, 70_000);
    // And lowered below: the lease holds on.
    scheduler.change(Nanos(0), &[Change { app: one, qos: qos(10, None) }]).unwrap();
    assert_eq!(scheduler.device().admission.promised_iops(), 50_000);
    scheduler.end_lease(Nanos(0), one).unwrap();
    assert_eq!(scheduler.device().admission.promised_iops(), 10);
    // A contract that the lease contradicts ends it, and gives back what it held.
    scheduler.lease(Nanos(0), one, lease(50_000, None, 100)).unwrap();
    scheduler.change(Nanos(0), &[Change { app: one, qos: qos(10, Some(100)) }]).unwrap();
    assert_eq!(
        (scheduler.device().admission.promised_iops(), scheduler.app(one).unwrap().lease_until),
        (10, None)
    );
}

#[test]
fn apps_and_volumes_come_and_go() {
    let mut scheduler = scheduler(1);
    let (one, tag) = app(&mut scheduler, qos(10, None));
    let _ = (enqueue(&mut scheduler, 0, 0, tag), enqueue(&mut scheduler, 0, 1, tag));
    assert_eq!(scheduler.remove_volume(tag), Err(ControlError::VolumeInUse { queued: 1, in_flight: 1 }));
    assert_eq!(scheduler.remove_app(one), Err(ControlError::AppInUse { volumes: 1 }));
    scheduler.complete(Nanos(1), 0);
    assert_eq!(dispatch(&mut scheduler, 1), [1]);
    scheduler.complete(Nanos(2), 1);
    scheduler.remove_volume(tag).unwrap();
    scheduler.remove_app(one).unwrap();
    assert_eq!(scheduler.device().admission.promised_iops(), 0);
    assert_eq!(scheduler.remove_app(one), Err(ControlError::NoSuchApp { app: one }));
    assert_eq!(scheduler.queued(tag), Err(ControlError::NoSuchVolume { tag }));
    let system = AppIndex::SYSTEM;
    assert_eq!(scheduler.remove_app(system), Err(ControlError::AppInUse { volumes: 0 }));
    // Places are used again, by others, without what was left of the first.
    let (again, tag) = app(&mut scheduler, qos(0, Some(100)));
    assert_eq!((again, scheduler.app(again).unwrap().stats.ios), (one, 0));
    assert_eq!(enqueue(&mut scheduler, 3, 1, tag), Placement::Go);
    for _ in 0..2 {
        app(&mut scheduler, Qos::default());
    }
    assert_eq!(scheduler.add_app(Nanos(3), Qos::default()), Err(ControlError::TooManyApps { limit: 4 }));
    assert_eq!(scheduler.apps().count(), 4);
    (0..5).for_each(|_| assert!(scheduler.add_volume(Nanos(3), system, VolumeQos::default()).is_ok()));
    let full = scheduler.add_volume(Nanos(3), system, VolumeQos::default());
    assert_eq!(full, Err(ControlError::TooManyVolumes { limit: 8 }));
}

#[test]
fn virtual_time_is_brought_back_before_it_overflows() {
    let mut scheduler = scheduler(1);
    let tags = [0, 1].map(|_| app(&mut scheduler, Qos::default()).1);
    let far = (1 << 62) + 5;
    scheduler.clock = far;
    scheduler.apps.iter_mut().for_each(|app| (app.tag, app.clock) = (far, far));
    scheduler.volumes.iter_mut().for_each(|volume| volume.tag = far);
    let _ = enqueue(&mut scheduler, 0, 0, tags[0]);
    for slot in 1..40 {
        let _ = enqueue(&mut scheduler, 0, slot, tags[slot as usize % 2]);
    }
    let (mut last, mut served) = (0, [0u32; 2]);
    for round in 1..40 {
        let now = round * 10 * MS;
        scheduler.complete(Nanos(now), last);
        last = dispatch(&mut scheduler, now)[0];
        served[last as usize % 2] += 1;
        assert!(served[0].abs_diff(served[1]) <= 4, "{served:?}");
    }
    assert!(scheduler.clock < S && scheduler.apps.iter().all(|app| app.clock < 1 << 40));
}
