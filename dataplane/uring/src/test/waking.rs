//! Sleeping on the wake-up descriptor: no completion may be slept through.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::*;

/// A wake-up that takes this long was lost.
const LOST: Timespec = Timespec { tv_sec: 20, tv_nsec: 0 };

/// Waits as a reactor does: poll, arm, sleep, disarm. Counts the sleeps.
fn sleep_until_done(device: &mut UringDevice, sleeps: &mut u32) -> Completion {
    loop {
        let mut completion = Completion::default();
        if device.poll(NOW, std::slice::from_mut(&mut completion)) == 1 {
            return completion;
        }
        if device.next_deadline().is_none() && device.arm() {
            *sleeps += 1;
            let mut fds = [PollFd::from_borrowed_fd(device.wake_fd().unwrap(), PollFlags::IN)];
            match poll(&mut fds, Some(&LOST)) {
                Ok(ready) => assert_eq!(ready, 1, "a lost wake-up: {device:?}"),
                Err(errno) => assert_eq!(errno, Errno::INTR),
            }
        }
        device.disarm();
    }
}

#[test]
fn no_wake_up_is_lost() {
    let (folder, pool) = (folder(), pool());
    for (number, task_run) in TASK_RUNS.into_iter().enumerate() {
        for direct in [true, false] {
            let path = folder.path().join(format!("wake-{number}-{direct}"));
            let mut device = open(&path, &UringOptions { direct, task_run, ..options(64 << 20) }, &pool);
            let mut sleeps = 0;
            for round in 0..600u32 {
                submit_some(&mut device, &pool, round);
                while device.in_flight() > 0 {
                    assert_eq!(sleep_until_done(&mut device, &mut sleeps).result, Ok(()));
                }
            }
            println!("{}: {sleeps} sleeps", device.modes());
            assert!(sleeps > 0, "syncs go through a worker: the device must have slept");
        }
    }
}

/// One to four requests of every kind, so that some complete in the call and some in a worker.
fn submit_some(device: &mut UringDevice, pool: &Pool, round: u32) {
    for number in 0..=round % 4 {
        let tag = round * 4 + number;
        let (op, blocks) = match tag % 5 {
            0 => (Op::Flush, 0),
            1 => (Op::Read, 1),
            2 => (Op::Write { fua: tag % 25 == 2 }, 1),
            3 => (Op::WriteZeroes { fua: false, deallocate: true }, 2),
            _ => (Op::Read, 256),
        };
        let buffer = pool.take(blocks.max(1) * 4096);
        let lba = if op == Op::Flush { 0 } else { u64::from(tag % 61) * 256 };
        submit(device, Request { tag, op, lba, blocks, buffer });
    }
}

#[test]
fn the_descriptor_is_silent_when_not_armed() {
    let (folder, pool) = (folder(), pool());
    let mut device = open(&folder.path().join("silent"), &options(1 << 20), &pool);
    for _ in 0..50 {
        write(&mut device, &pool, 0, 1, 1);
    }
    let mut fds = [PollFd::from_borrowed_fd(device.wake_fd().unwrap(), PollFlags::IN)];
    assert_eq!(poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })), Ok(0));
}

#[test]
fn an_idle_device_may_be_armed_and_disarmed() {
    let (folder, pool) = (folder(), pool());
    let mut device = open(&folder.path().join("idle"), &options(1 << 20), &pool);
    for _ in 0..3 {
        assert!(device.arm());
        device.disarm();
        device.disarm();
    }
    write(&mut device, &pool, 0, 1, 1);
}
