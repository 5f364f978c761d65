//! Who may connect, and what a host sees when its volume is taken away.

use sluice_vm::{Backing, HOST_NQN, Lab, Machine, MachineConfig, Node};

#[test]
fn a_host_that_is_not_on_the_list_is_refused() {
    let Some(lab) = Lab::open() else { return };
    let node = Node::start(Backing::Memory);
    let volume = node.volume("data", 16, 4096);
    let mut guest = Machine::boot(lab, &MachineConfig::default());
    let attach = format!("attach {} {}", node.port(), volume.nqn);

    node.sluice(&["volume", "publish", "data", "--host", "nqn.2026-11.com.example:another"]);
    let refused = guest.run(&attach);
    assert_ne!(refused.code, 0, "{}", refused.output);
    let log = guest.sh("dmesg");
    assert!(log.contains("is not allowed, hostnqn: "), "the kernel was told that it is the host: {log}");
    assert!(node.connections(&volume).is_empty());

    node.sluice(&["volume", "publish", "data", "--host", HOST_NQN]);
    guest.sh(&attach);
    guest.finish_expecting(&["is not allowed", "failed to connect"]);
}

#[test]
fn an_unknown_subsystem_is_refused() {
    let Some(lab) = Lab::open() else { return };
    let node = Node::start(Backing::Memory);
    let mut guest = Machine::boot(lab, &MachineConfig::default());
    let refused = guest.run(&format!("attach {} nqn.2026-11.io.sluice:nobody", node.port()));
    assert_ne!(refused.code, 0, "{}", refused.output);
    guest.finish_expecting(&["Connect Invalid", "failed to connect", "invalid parameter"]);
}

#[test]
fn a_host_loses_a_volume_that_is_unpublished_and_no_other() {
    let Some(lab) = Lab::open() else { return };
    let node = Node::start(Backing::Memory);
    let (taken, kept) = (node.volume("taken", 16, 4096), node.volume("kept", 16, 4096));
    let mut guest = Machine::boot(lab, &MachineConfig::default());
    let port = node.port();
    for volume in [&taken, &kept] {
        guest.sh(&format!("attach {port} {} --reconnect-delay=1 --ctrl-loss-tmo=60", volume.nqn));
    }

    let refused = node.try_sluice(&["volume", "delete", "taken"]);
    assert_eq!(refused.status.code(), Some(5), "a published volume is not deleted under its hosts");
    node.sluice(&["volume", "unpublish", "taken"]);
    node.sluice(&["volume", "delete", "taken"]);
    guest.sh(&format!("until_true 60 gone {}", taken.nqn));
    guest.sh(&format!("d=$(namespace_of {}) && dd if=$d of=/dev/null bs=64k iflag=direct", kept.nqn));
    assert_eq!(node.connections(&kept).len(), 3);
    guest.finish_expecting(&["nvme nvme"]);
}
