//! What each way to a drive costs. A measurement: `SLUICE_VM_ACCEL=kvm cargo test --release -p sluice-vm --test drives
//! -- --ignored --nocapture cost`. Emulated instructions tell nothing, so it wants a processor that virtualizes.

use std::time::Duration;

use sluice_vm::{Lab, Machine, MachineConfig, drive_tests};

#[test]
#[ignore = "measures, proves nothing: see the first lines of this file"]
fn cost_of_each_way_to_a_drive() {
    let Some(lab) = Lab::open() else { return };
    let programs = vec![("drive", drive_tests())];
    let mut guest = Machine::boot(lab, &MachineConfig { drives: 1, programs, ..MachineConfig::default() });
    guest.sh("load_drives && until_true 20 drive_address SLUICE0 > /tmp/address && until_true 20 test -c /dev/ng0n1
        dd if=/dev/urandom of=/dev/nvme0n1 bs=1M oflag=direct 2> /dev/null || true");
    let limit = Duration::from_secs(300);
    let measure = "drive --ignored --nocapture cost::";
    let kernel = format!("SLUICE_BLOCK=/dev/nvme0n1 {measure} && SLUICE_NG=/dev/ng0n1 {measure}");
    let pcie =
        format!("hand_over $(cat /tmp/address) vfio-pci && SLUICE_DRIVE=$(cat /tmp/address) {measure}");
    for script in [kernel, pcie] {
        let done = guest.run_within(limit, &script);
        println!("{}", done.output);
        assert_eq!(done.code, 0, "{}", done.output);
    }
    guest.finish();
}
