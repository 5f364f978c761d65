//! The other two ways to a drive, which stays with the kernel's driver: NVMe commands through io_uring, named by
//! `SLUICE_NG=/dev/ng0n1`, and a block device, `SLUICE_BLOCK=/dev/nvme0n1`, or `SLUICE_POLLED` if its queues are polled.
//! The same suite and the same load as for the driver in user space.

use std::env;
use std::path::PathBuf;

use sluice_device::conformance::{self, Traits};
use sluice_device::{BlockDevice, Pool};
use sluice_uring::{NgDevice, UringDevice, UringError, UringOptions};

use crate::rig::pool;
use crate::verify::{DEPTHS, Model};

fn named(variable: &str) -> Option<PathBuf> {
    let path = env::var_os(variable).map(PathBuf::from);
    if path.is_none() {
        println!("SKIPPED: {variable} names no drive to overwrite");
    }
    path
}

/// The suite, then verified load at every depth.
fn is_served<D: BlockDevice>(open: impl Fn(&Pool) -> D) {
    conformance::run(Traits::default(), &open);
    let pool = pool();
    let mut device = open(&pool);
    Model::clear(&mut device);
    let mut model = Model::new(3);
    for depth in DEPTHS {
        model.drive(&mut device, &pool, depth, 150);
    }
    println!("{:?}: {} reads verified", device.info(), model.verified);
    assert!(model.verified > 200);
}

#[test]
fn commands_pass_through_the_kernel() {
    let Some(path) = named("SLUICE_NG") else { return };
    for registered_buffers in [true, false] {
        let options = UringOptions { registered_buffers, queue_depth: 256, ..UringOptions::default() };
        is_served(|pool| {
            let device = NgDevice::open(&path, &options, pool).unwrap();
            assert_eq!(device.modes().registered_buffers, registered_buffers, "{}", device.modes());
            device
        });
    }
}

#[test]
fn a_namespace_has_one_owner() {
    let Some(path) = named("SLUICE_NG") else { return };
    let pool = pool();
    let device = NgDevice::open(&path, &UringOptions::default(), &pool).unwrap();
    let name = path.file_name().unwrap().to_str().unwrap().replacen("ng", "nvme", 1);
    let again = NgDevice::open(&path, &UringOptions::default(), &pool).unwrap_err();
    assert!(matches!(again, UringError::InUse { .. }), "{again}");
    let beside = UringDevice::open(path.with_file_name(&name), &UringOptions::default(), &pool).unwrap_err();
    assert!(matches!(beside, UringError::InUse { .. }), "{beside}");
    drop(device);
    drop(UringDevice::open(path.with_file_name(name), &UringOptions::default(), &pool).unwrap());
    NgDevice::open(&path, &UringOptions::default(), &pool).unwrap();
}

#[test]
fn a_block_device_is_served() {
    let Some(path) = named("SLUICE_BLOCK") else { return };
    let options = UringOptions { queue_depth: 256, ..UringOptions::default() };
    is_served(|pool| {
        let device = UringDevice::open(&path, &options, pool).unwrap();
        assert!(device.modes().direct && !device.modes().polled, "{}", device.modes());
        device
    });
}

#[test]
fn a_block_device_is_polled() {
    let Some(path) = named("SLUICE_POLLED") else { return };
    let options = UringOptions { queue_depth: 256, ..UringOptions::default() };
    is_served(|pool| {
        let device = UringDevice::open(&path, &options, pool).unwrap();
        assert!(device.modes().polled, "{}", device.modes());
        device
    });
}
