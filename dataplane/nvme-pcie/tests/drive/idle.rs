//! Sleeping until the drive's interrupt.

use rustix::event::{PollFd, PollFlags, poll};
use rustix::time::Timespec;
use sluice_device::{BlockDevice, Completion, Op, Request};
use sluice_nvme_pcie::Options;

use crate::rig::{address, now, open, pool};

/// Whether the drive's descriptor becomes readable within so many seconds.
fn wakes(device: &impl BlockDevice, seconds: i64) -> bool {
    let fd = device.wake_fd().expect("a drive with MSI-X");
    let timeout = Timespec { tv_sec: seconds, tv_nsec: 0 };
    poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&timeout)).unwrap() == 1
}

#[test]
fn whoever_sleeps_is_woken_by_the_interrupt() {
    let Some(address) = address() else { return };
    let pool = pool();
    let (mut device, _) = open(address, &Options::default(), &pool);
    let (mut slept, mut done) = (0, 0);
    for tag in 0..100 {
        let buffer = pool.take(4096);
        let mut read = [Request { tag, op: Op::Read, lba: u64::from(tag), blocks: 1, buffer }];
        assert_eq!(device.submit(now(), &mut read), 1);
        while device.in_flight() > 0 {
            if device.arm() {
                assert!(wakes(&device, 10), "the interrupt of request {tag} never came");
                slept += 1;
            }
            device.disarm();
            let mut completion = [Completion::default()];
            done += device.poll(now(), &mut completion);
        }
    }
    println!("slept {slept} times for {done} requests");
    assert!(done == 100 && slept > 0);
    assert!(!wakes(&device, 0), "a descriptor that was read is quiet");
}
