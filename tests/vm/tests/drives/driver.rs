//! The driver's own tests on a drive, and the drive handed there and back.

use std::time::Duration;

use sluice_vm::{Lab, Machine, MachineConfig, drive_tests};

fn machine(drives: u32) -> Option<Machine> {
    let lab = Lab::open()?;
    let programs = vec![("drive", drive_tests())];
    let mut guest = Machine::boot(lab, &MachineConfig { drives, programs, ..MachineConfig::default() });
    guest.sh("load_drives");
    Some(guest)
}

#[test]
fn the_driver_serves_a_drive_and_gives_it_back() {
    let Some(mut guest) = machine(1) else { return };
    guest.sh("until_true 20 drive_address SLUICE0 > /tmp/address && hand_over $(cat /tmp/address) vfio-pci");
    let tests = guest.run_within(
        Duration::from_secs(400),
        "SLUICE_DRIVE=$(cat /tmp/address) RUST_BACKTRACE=1 drive --test-threads=1 --nocapture",
    );
    println!("{}", tests.output);
    assert_eq!(tests.code, 0, "{}", tests.output);
    // The address outside the mapping ended in the IOMMU.
    assert!(guest.sh("dmesg").contains("fault"), "no DMA fault was reported");
    guest.throttle(0, 100);
    let stuck = guest.run_within(
        Duration::from_secs(200),
        "SLUICE_DRIVE=$(cat /tmp/address) SLUICE_DRIVE_STUCK=1 drive --nocapture commands_that_are_stuck",
    );
    println!("{}", stuck.output);
    assert_eq!(stuck.code, 0, "{}", stuck.output);
    guest.throttle(0, 0);

    // The kernel's own driver finds what ours wrote.
    let kept = guest.sh("hand_over $(cat /tmp/address) nvme
        until_true 20 test -b /dev/nvme0n1
        yes 'kept by the disk' | tr -d '\\n' | head -c 1048576 > /tmp/expected
        dd if=/dev/nvme0n1 bs=1M skip=64 count=1 2>/dev/null | cmp - /tmp/expected && echo same");
    assert_eq!(kept, "same");
    guest.finish();
}
