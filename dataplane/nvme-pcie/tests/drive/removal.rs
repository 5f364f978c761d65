//! A drive that is taken away under load: only when `SLUICE_DRIVE_REMOVED` says that it will be.

use std::env;

use sluice_device::{BlockDevice, Completion, IoError, Op, Request};
use sluice_nvme_pcie::{Event, Options};

use crate::rig::{address, now, open, pool};

#[test]
fn a_drive_taken_away_fails_what_it_has_and_is_let_go_of() {
    let Some(address) = address().filter(|_| env::var_os("SLUICE_DRIVE_REMOVED").is_some()) else {
        println!("SKIPPED: SLUICE_DRIVE_REMOVED does not say that the drive is taken away");
        return;
    };
    let pool = pool();
    let free = pool.available(0);
    let (mut device, events) = open(address, &Options::default(), &pool);
    println!("under load");
    let (mut tag, mut served) = (0, 0);
    // Whoever runs this takes the drive away within his own time limit.
    let failed = loop {
        while device.in_flight() < 16 {
            let buffer = pool.take(4096);
            let mut read = [Request { tag, op: Op::Read, lba: u64::from(tag % 1024), blocks: 1, buffer }];
            assert_eq!(device.submit(now(), &mut read), 1);
            tag += 1;
        }
        let mut completions: [Completion; 16] = std::array::from_fn(|_| Completion::default());
        let count = device.poll(now(), &mut completions);
        let failed = completions[..count].iter().filter(|done| done.result.is_err()).count();
        assert!(
            completions[..count].iter().all(|done| matches!(done.result, Ok(()) | Err(IoError::DeviceGone)))
        );
        served += count - failed;
        if failed > 0 {
            break failed;
        }
    };
    println!("served {served}, then failed {failed}");
    assert!(matches!(events.borrow().last(), Some(Event::Gone(_))), "{:?}", events.borrow());
    while device.in_flight() > 0 {
        let _ = device.poll(now(), &mut [Completion::default()]);
    }
    assert_eq!(pool.available(0), free, "every buffer came back");
}
