//! Controllers that are reset under load.

use std::env;

use sluice_device::{BlockDevice, Nanos};
use sluice_nvme_pcie::{Event, Options, ResetCause};

use crate::rig::{Events, address, now, open, pool};
use crate::verify::Model;

/// How often the controller was reset for this cause; it must have come back each time.
fn resets(events: &Events, cause: ResetCause) -> usize {
    let count = |wanted: &Event| events.borrow().iter().filter(|event| *event == wanted).count();
    let resets = count(&Event::Reset(cause));
    assert_eq!(resets, count(&Event::Recovered), "{:?}", events.borrow());
    resets
}

#[test]
fn resets_under_load_lose_nothing() {
    let Some(address) = address() else { return };
    let pool = pool();
    let options = Options { queue_pairs: 2, ..Options::default() };
    let (mut device, events) = open(address, &options, &pool);
    Model::clear(&mut device);
    let mut model = Model::new(3);
    for _ in 0..5 {
        model.begin(&mut device, &pool, 128);
        device.reset(now());
        model.drive(&mut device, &pool, 128, 100);
    }
    println!("{} reads verified over {} resets", model.verified, resets(&events, ResetCause::Requested));
    assert_eq!((resets(&events, ResetCause::Requested), device.in_flight()), (5, 0));
}

#[test]
fn commands_that_are_stuck_are_aborted_and_reset_away() {
    let Some(address) = address().filter(|_| env::var_os("SLUICE_DRIVE_STUCK").is_some()) else {
        println!(
            "SKIPPED: SLUICE_DRIVE_STUCK does not say that the drive serves 100 commands a second at most"
        );
        return;
    };
    let pool = pool();
    let options = Options { command_timeout: Nanos(400_000_000), queue_pairs: 2, ..Options::default() };
    let (mut device, events) = open(address, &options, &pool);
    let mut model = Model::new(4);
    Model::clear(&mut device);
    // All of them take more than a second: the last are aborted, which this emulation does not do, and reset away.
    while device.in_flight() < 150 {
        model.begin(&mut device, &pool, 150);
    }
    model.drive(&mut device, &pool, 150, 0);
    let aborts = events.borrow().iter().filter(|event| matches!(event, Event::Aborted { .. })).count();
    let resets = resets(&events, ResetCause::CommandTimeout);
    println!("{} reads verified over {aborts} aborts and {resets} resets", model.verified);
    assert!(aborts > 0 && resets > 0 && device.in_flight() == 0);
}
