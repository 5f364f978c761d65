//! The daemon ends and comes back under a host's load: the kernel reconnects, and not a block is wrong.

use sluice_vm::{Backing, Lab, Machine, MachineConfig, Node};

/// Random writes, each verified soon after, over and over until `/tmp/stop` exists.
const LOAD: &str = "
    cat > /tmp/load.sh <<'END'
    until [ -e /tmp/stop ]; do
        fio --name=v --filename=/tmp/disk --rw=randwrite --bsrange=4k-64k --size=24m --ioengine=libaio --iodepth=16 \\
            --direct=1 --verify=crc32c --verify_fatal=1 --verify_backlog=64 --do_verify=1 || exit 1
    done
    echo verified
END
    sh /tmp/load.sh > /tmp/load.txt 2>&1 &";

/// Waits until the device has completed some more writes.
const PROGRESS: &str = "
    writes() { awk '{ print $5 }' /sys/block/$(basename $(readlink /tmp/disk))/stat; }
    more() { [ $(writes) -gt $begun ]; }
    begun=$(($(writes) + 200))
    until_true 60 more || { cat /tmp/load.txt; exit 1; }";

fn verification_survives(mut end: impl FnMut(&mut Node)) {
    let Some(lab) = Lab::open() else { return };
    let mut node = Node::start(Backing::File);
    let volume = node.volume("data", 64, 4096);
    let mut guest = Machine::boot(lab, &MachineConfig::default());
    let options = "-i 2 --reconnect-delay=1 --ctrl-loss-tmo=300 --keep-alive-tmo=5";
    guest.sh(&format!("d=$(attach {} {} {options}) && ln -s $d /tmp/disk", node.port(), volume.nqn));

    guest.sh(LOAD);
    for _ in 0..3 {
        guest.sh(PROGRESS);
        end(&mut node);
        node.start_again();
    }
    guest.sh(PROGRESS);
    guest.sh("touch /tmp/stop; ended() { tail -n 1 /tmp/load.txt | grep -q verified; }; until_true 110 ended || { cat /tmp/load.txt; exit 1; }");
    let connections = node.connections(&volume);
    assert_eq!(connections.len(), 3, "{connections:?}");
    guest.sh(&format!("detach {}", volume.nqn));
    guest.finish_expecting(&["nvme nvme", "nvme_ns_head_submit_bio", "no usable path - requeuing I/O"]);
}

#[test]
fn verification_goes_on_over_a_crash_of_the_daemon() {
    verification_survives(Node::kill);
}

#[test]
fn verification_goes_on_over_an_orderly_restart_of_the_daemon() {
    verification_survives(Node::terminate);
}
