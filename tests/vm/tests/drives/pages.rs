//! Hosts short of memory for buffers.

use sluice_vm::{Lab, Machine, MachineConfig, node_programs};

/// Starts a daemon that wants so many buffers over the drive; what it tells of the device, and its log.
fn started(guest: &mut Machine, buffer_bytes: &str) -> (serde_json::Value, String) {
    guest.sh(&format!(
        "printf '[api]\\nlisten = \"unix:/run/api\"\\n[node]\\nready_file = \"/run/ready\"\\n' > /tmp/sluiced.toml
        printf '[nvme_tcp]\\nbuffer_bytes = \"{buffer_bytes}\"\\n' >> /tmp/sluiced.toml
        printf '[[device]]\\nname = \"d0\"\\nuri = \"pcie:%s\"\\n' $(cat /tmp/address) >> /tmp/sluiced.toml
        sluiced --config /tmp/sluiced.toml 2> /tmp/log & echo $! > /tmp/pid
        until_true 30 test -e /run/ready || {{ cat /tmp/log; exit 1; }}"
    ));
    let devices = guest.json("sluice --node unix:/run/api -o json device list");
    (devices[0].clone(), guest.sh("cat /tmp/log"))
}

fn stop(guest: &mut Machine) {
    guest.sh("kill $(cat /tmp/pid); until_true 30 test ! -e /run/ready");
}

#[test]
fn memory_that_runs_out_is_an_error_at_start() {
    let Some(lab) = Lab::open() else { return };
    let config = MachineConfig { drives: 1, programs: node_programs(), ..MachineConfig::default() };
    let mut guest = Machine::boot(lab, &config);
    guest.sh("load_drives && hostname vm && until_true 20 drive_address SLUICE0 > /tmp/address
        sluice host prepare --pages 2MiB=4 --drive $(cat /tmp/address) > /tmp/host");

    // Too few huge pages: ordinary ones, and it is told.
    let (device, log) = started(&mut guest, "64MiB");
    assert_eq!(device["state"], "pool", "{log}");
    assert!(log.contains("buffers=\"4 KiB pages; no 2 MiB pages"), "{log}");
    let host = guest.json("sluice -o json host status");
    assert!(host["pages"][0]["total"] == 4 && host["pages"][0]["free"].as_u64() > Some(0), "{host}");
    stop(&mut guest);

    // More than the machine has: the device is idle and says why; the daemon serves on.
    let (device, log) = started(&mut guest, "8GiB");
    assert_eq!(device["state"], "idle", "{log}");
    let reason = device["reason"].as_str().unwrap_or_default();
    assert!(reason.starts_with("no memory for I/O buffers"), "{device}");
    stop(&mut guest);

    // Enough of them: they are used, and the host shows it.
    guest.sh("sluice host prepare --pages 2MiB=96 > /tmp/host");
    let (device, log) = started(&mut guest, "64MiB");
    assert!(device["state"] == "pool" && log.contains("buffers=\"2 MiB pages"), "{log}");
    let host = guest.json("sluice -o json host status");
    assert!(host["pages"][0]["free"].as_u64() <= Some(96 - 32), "{host}");
    stop(&mut guest);
    guest.sh("sluice host undo > /tmp/undone");
    guest.finish();
}
