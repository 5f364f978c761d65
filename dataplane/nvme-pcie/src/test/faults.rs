//! Controllers that fail, in every way the model knows.

use proptest::prelude::*;
use sluice_device::random::Random;
use sluice_device::{BlockDevice, IoError, Nanos, Op, Request};
use sluice_nvme::async_event::{AsyncEvent, ErrorEvent};
use sluice_nvme::log::smart::CriticalWarning;
use sluice_nvme::status::Status;
use zerocopy::little_endian::U128;

use super::rig::{MS, Rig, WRITE, results};
use crate::model::Config;
use crate::{Event, Options, ResetCause, StartError};

const TIMEOUT_MS: u64 = 800;

fn rig() -> Rig {
    rig_of(1)
}

fn rig_of(queue_pairs: u16) -> Rig {
    let command_timeout = Nanos(TIMEOUT_MS * MS);
    Rig::new(Config::default(), Options { command_timeout, queue_pairs, ..Options::default() })
}

fn writes(rig: &Rig, count: u32) -> Vec<Request> {
    (0..count).map(|tag| rig.request(tag, WRITE, u64::from(tag))).collect()
}

#[test]
fn passing_errors_pass_unseen() {
    let mut rig = rig();
    rig.model.faults(|faults| faults.fail.extend([Status::COMMAND_INTERRUPTED, Status::INTERNAL_ERROR]));
    let requests = writes(&rig, 3);
    rig.submit(requests);
    assert_eq!(results(&rig.done()), [(2, Ok(()))]);
    assert_eq!(results(&rig.after(20)), [(0, Ok(())), (1, Ok(()))]);
    assert_eq!([0, 1, 2].map(|lba| rig.read(lba)), [0, 1, 2]);
}

#[test]
fn lasting_errors_are_the_requests_own() {
    let mut rig = rig();
    let last = Status::UNRECOVERED_READ;
    rig.model.faults(|faults| faults.fail.extend([Status::WRITE_FAULT.dnr(), last, last, last, last]));
    let requests = writes(&rig, 1);
    rig.submit(requests);
    assert_eq!(results(&rig.done()), [(0, Err(IoError::WriteFault))]);
    let read = rig.request(1, Op::Read, 0);
    rig.submit(vec![read]);
    assert_eq!(results(&rig.after(100)), [(1, Err(IoError::Media))]);
    assert_eq!(rig.events(), []);
}

#[test]
fn a_stuck_command_is_aborted_and_sent_again() {
    let mut rig = rig();
    rig.model.faults(|faults| faults.swallow = 1);
    let requests = writes(&rig, 3);
    rig.submit(requests);
    assert_eq!(results(&rig.done()), [(1, Ok(())), (2, Ok(()))]);
    assert_eq!(rig.after(TIMEOUT_MS - 10).len(), 0);
    assert_eq!(results(&rig.after(TIMEOUT_MS / 4)), [(0, Ok(()))]);
    assert!(matches!(rig.events()[..], [Event::Aborted { after_ms }] if after_ms >= TIMEOUT_MS));
    assert_eq!(rig.model.counts().enabled, 1, "no reset was needed");
    assert_eq!(rig.read(0), 0);
}

#[test]
fn a_command_that_outlives_its_abort_resets_the_controller_and_nothing_is_lost() {
    let mut rig = rig();
    rig.model.faults(|faults| (faults.swallow, faults.ignore_aborts) = (3, true));
    let requests = writes(&rig, 8);
    rig.submit(requests);
    assert_eq!(rig.done().len(), 5);
    let done = rig.after(3 * TIMEOUT_MS);
    assert_eq!(results(&done), [(0, Ok(())), (1, Ok(())), (2, Ok(()))]);
    let events = rig.events();
    let (aborts, after) = events.split_at(3);
    assert!(aborts.iter().all(|event| matches!(event, Event::Aborted { .. })), "{events:?}");
    assert_eq!(after, [Event::Reset(ResetCause::CommandTimeout), Event::Recovered]);
    assert_eq!(rig.model.counts().enabled, 2);
    assert!((0..8).all(|lba| u64::from(rig.read(lba)) == lba));
}

#[test]
fn a_fatal_status_resets_the_controller_and_what_comes_meanwhile_waits() {
    let mut rig = rig();
    rig.after(5);
    rig.model.faults(|faults| faults.hold = true);
    let requests = writes(&rig, 4);
    rig.submit(requests);
    rig.model.break_down();
    rig.model.faults(|faults| faults.hold = false);
    assert_eq!(rig.after(80).len(), 0, "it is looked at ten times a second");
    assert_eq!(rig.events(), []);
    while rig.events.borrow().is_empty() {
        rig.now = rig.now + Nanos(MS);
        assert_eq!(rig.done().len(), 0);
    }
    let late = rig.request(9, WRITE, 9);
    rig.submit(vec![late]);
    assert!(rig.device.next_deadline().is_some(), "whoever sleeps must wake for the start");
    assert_eq!(results(&rig.after(50)), [0, 1, 2, 3, 9].map(|tag| (tag, Ok(()))));
    assert_eq!(rig.events(), [Event::Reset(ResetCause::Fatal), Event::Recovered]);
}

#[test]
fn a_reset_that_was_asked_for_loses_nothing() {
    let mut rig = rig();
    rig.model.faults(|faults| faults.hold = true);
    let requests = writes(&rig, 4);
    rig.submit(requests);
    rig.device.reset(rig.now);
    rig.device.reset(rig.now);
    rig.model.faults(|faults| faults.hold = false);
    assert_eq!(results(&rig.after(50)), [0, 1, 2, 3].map(|tag| (tag, Ok(()))));
    assert_eq!(rig.events(), [Event::Reset(ResetCause::Requested), Event::Recovered]);
}

#[test]
fn a_controller_that_answers_the_unasked_is_reset() {
    for cid in [7, 254, 255, u16::MAX] {
        let mut rig = rig();
        rig.model.faults(|faults| faults.hold = true);
        let requests = writes(&rig, 2);
        rig.submit(requests);
        rig.model.complete_unasked(1, cid);
        assert_eq!(rig.done().len(), 0);
        rig.model.faults(|faults| faults.hold = false);
        assert_eq!(results(&rig.after(50)), [(0, Ok(())), (1, Ok(()))]);
        assert_eq!(rig.events(), [Event::Reset(ResetCause::UnknownCommand), Event::Recovered], "{cid}");
    }
}

#[test]
fn a_removed_drive_fails_everything_and_gives_every_buffer_back() {
    let mut rig = rig();
    let free = rig.pool.available(0);
    rig.model.faults(|faults| faults.hold = true);
    let requests = writes(&rig, 4);
    rig.submit(requests);
    rig.model.remove();
    let done = rig.after(120);
    assert_eq!(results(&done), [0, 1, 2, 3].map(|tag| (tag, Err(IoError::DeviceGone))));
    assert!(done.iter().all(|done| done.buffer.is_some()));
    assert_eq!((rig.device.in_flight(), rig.model.counts().cut_off), (0, 1));
    let late = rig.request(5, Op::Flush, 0);
    rig.submit(vec![late]);
    assert_eq!(results(&rig.done()), [(5, Err(IoError::DeviceGone))]);
    assert_eq!(rig.events(), [Event::Gone(StartError::Gone)]);
    drop(done);
    assert_eq!((rig.pool.available(0), rig.device.next_deadline()), (free, None));
}

#[test]
fn a_drive_that_the_host_wants_back_is_let_go_of() {
    let mut rig = rig();
    rig.after(20);
    rig.model.request_removal();
    let requests = writes(&rig, 1);
    rig.submit(requests);
    rig.after(120);
    assert_eq!(rig.events(), [Event::Gone(StartError::RemovalRequested)]);
    assert_eq!(rig.model.counts().cut_off, 1);
}

#[test]
fn a_controller_that_fails_again_and_again_is_given_up() {
    let mut rig = rig();
    rig.model.faults(|faults| faults.hold = true);
    let requests = writes(&rig, 1);
    rig.submit(requests);
    for _ in 0..4 {
        rig.model.break_down();
        assert_eq!(rig.after(200).len(), 0);
    }
    rig.model.break_down();
    assert_eq!(results(&rig.after(200)), [(0, Err(IoError::DeviceGone))]);
    assert_eq!(rig.events().last(), Some(&Event::Gone(StartError::Resets { resets: 4 })));
}

#[test]
fn a_drive_that_is_swapped_during_a_reset_is_not_written_to() {
    let mut rig = rig();
    rig.model.faults(|faults| faults.hold = true);
    let requests = writes(&rig, 1);
    rig.submit(requests);
    rig.model.reconfigure(|config| config.blocks /= 2);
    rig.model.break_down();
    rig.model.faults(|faults| faults.hold = false);
    assert_eq!(results(&rig.after(200)), [(0, Err(IoError::DeviceGone))]);
    assert_eq!(rig.events().last(), Some(&Event::Gone(StartError::Changed)));
    assert_eq!(rig.model.counts().executed, 0);
}

#[test]
fn a_deaf_admin_queue_resets_the_controller() {
    let mut rig = rig();
    rig.after(20);
    rig.model.faults(|faults| faults.deaf = true);
    rig.after(60_100);
    assert_eq!(rig.events(), []);
    rig.model.faults(|faults| faults.deaf = false);
    rig.after(5000);
    assert_eq!(rig.events(), [Event::Reset(ResetCause::AdminTimeout), Event::Recovered]);
    assert_eq!(rig.read(1), 0);
}

#[test]
fn what_a_drive_tells_of_its_health_is_told_on() {
    let mut rig = rig();
    rig.after(50);
    assert_eq!(rig.events(), []);
    rig.model.smart(|log| {
        log.critical_warning = CriticalWarning::default().with_spare(true);
        log.media_errors = U128::new(2);
        log.error_entries = U128::new(5);
    });
    rig.model.tell(AsyncEvent::error(ErrorEvent::TransientInternalError));
    rig.after(50);
    assert!(matches!(&rig.events()[..], [Event::Error(entry)] if entry.error_count.get() == 5));
    // The health is read every minute, whatever the drive tells.
    rig.after(60_100);
    let events = rig.events();
    assert!(matches!(events[0], Event::Warning(warning) if warning.spare()), "{events:?}");
    assert_eq!(events[1], Event::MediaErrors { new: 2 });
    assert!(matches!(events[2], Event::Error(_)), "{events:?}");
}

#[derive(Debug, Clone)]
enum Step {
    Submit(u8),
    Pass(u16),
    Swallow(u8),
    Hold(bool),
    Fail(u8),
    Break,
    IgnoreAborts(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (1u8..12).prop_map(Step::Submit),
        6 => (1u16..300).prop_map(Step::Pass),
        1 => (1u8..2).prop_map(Step::Swallow),
        1 => any::<bool>().prop_map(Step::Hold),
        1 => (1u8..2).prop_map(Step::Fail),
        1 => Just(Step::Break),
        1 => any::<bool>().prop_map(Step::IgnoreAborts),
    ]
}

/// What was asked for and what came of it.
#[derive(Default)]
struct Run {
    next: u32,
    failures: u8,
    completed: Vec<(u32, Result<(), IoError>)>,
}

impl Run {
    /// Writes the next block, unless buffers are short.
    fn write(&mut self, rig: &mut Rig, stamps: &mut [u8]) {
        if rig.device.in_flight() >= 60 {
            return;
        }
        let lba = self.next % 512;
        stamps[lba as usize] = u8::try_from(self.next & 0xff).unwrap();
        let request = rig.request(self.next, WRITE, u64::from(lba));
        rig.submit(vec![request]);
        self.next += 1;
    }

    fn pass(&mut self, rig: &mut Rig, milliseconds: u64) {
        self.completed.extend(rig.after(milliseconds).into_iter().map(|done| (done.tag, done.result)));
    }

    /// Breaks the controller down, after an I/O that worked: only failures in a row end a controller.
    fn break_down(&mut self, rig: &mut Rig, stamps: &mut [u8]) {
        rig.model.faults(|faults| faults.hold = false);
        self.write(rig, stamps);
        self.pass(rig, 300);
        rig.model.break_down();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever goes wrong short of losing the drive: each request completes once, and blocks hold what was written.
    #[test]
    fn nothing_is_lost_whatever_passes(
        steps in prop::collection::vec(step(), 1..60),
        pairs in 0..3u16,
        seed in any::<u64>(),
    ) {
        let mut rig = rig_of(1 << pairs);
        rig.model.faults(|faults| faults.shuffle = Some(Random::new(seed)));
        let (mut run, mut stamps) = (Run::default(), vec![0u8; 512]);
        for step in steps {
            match step {
                // A block is never written twice at once: fewer are in flight than there are blocks.
                Step::Submit(count) => (0..count).for_each(|_| run.write(&mut rig, &mut stamps)),
                Step::Pass(milliseconds) => run.pass(&mut rig, u64::from(milliseconds)),
                // A command may pass through no more failures than it is sent again.
                Step::Swallow(_) | Step::Fail(_) if run.failures >= 3 => {}
                Step::Swallow(count) => {
                    run.failures += count;
                    rig.model.faults(|faults| faults.swallow += u32::from(count));
                }
                Step::Hold(hold) => rig.model.faults(|faults| faults.hold = hold),
                Step::Fail(count) => {
                    run.failures += count;
                    let passing = (0..count).map(|_| Status::COMMAND_INTERRUPTED);
                    rig.model.faults(|faults| faults.fail.extend(passing));
                }
                Step::Break => run.break_down(&mut rig, &mut stamps),
                Step::IgnoreAborts(ignore) => rig.model.faults(|faults| faults.ignore_aborts = ignore),
            }
        }
        rig.model.faults(|faults| (faults.hold, faults.swallow) = (false, 0));
        run.pass(&mut rig, 6 * TIMEOUT_MS);
        run.completed.sort_unstable_by_key(|(tag, _)| *tag);
        prop_assert_eq!(run.completed, (0..run.next).map(|tag| (tag, Ok(()))).collect::<Vec<_>>());
        prop_assert_eq!(rig.model.counts().stray, 0);
        for (lba, stamp) in (0..).zip(stamps).step_by(37) {
            prop_assert_eq!(rig.read(lba), stamp);
        }
    }
}
