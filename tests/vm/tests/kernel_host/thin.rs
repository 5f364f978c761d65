//! Thin volumes under the kernel's host: snapshots and clones of a file system at work, the way back, and growth.

use sluice_vm::{Backing, Lab, Machine, MachineConfig, Node, Volume};

/// Files come and go, and are written to at random and synchronized, until `/tmp/stop` exists.
const LOAD: &str = "
    cat > /tmp/load.sh <<'END'
    n=0
    until [ -e /tmp/stop ]; do
        n=$((n + 1))
        fio --name=v$n --directory=/mnt --size=4m --rw=randwrite --bsrange=4k-64k --ioengine=libaio --iodepth=8 \\
            --direct=1 --fsync=16 --verify=crc32c --verify_fatal=1 --do_verify=1 || exit 1
        rm -f /mnt/v$((n - 3)).0.0
    done
    echo verified
END
    sh /tmp/load.sh > /tmp/load.txt 2>&1 &";

/// Waits until the device has completed some more writes.
const PROGRESS: &str = "
    writes() { awk '{ print $5 }' /sys/block/$(basename $(readlink /tmp/disk))/stat; }
    more() { [ $(writes) -gt $begun ]; }
    begun=$(($(writes) + 150))
    until_true 60 more || { cat /tmp/load.txt; exit 1; }";

/// Mounts a volume, which mends what a power cut leaves; finds the file that was there before all load; and has the file
/// system checked.
fn assert_sound(guest: &mut Machine, node: &Node, volume: &Volume) {
    guest.sh(&format!(
        "set -e
        d=$(attach {port} {nqn})
        mkdir -p /tmp/copy
        mount -t ext4 $d /tmp/copy
        [ \"$(sha1sum < /tmp/copy/keep)\" = \"$(cat /tmp/keep)\" ] || {{ echo 'another file'; exit 1; }}
        umount /tmp/copy
        fsck.ext4 -f -n $d > /tmp/fsck.txt 2>&1 || {{ cat /tmp/fsck.txt; exit 1; }}
        detach {nqn}",
        port = node.port(),
        nqn = volume.nqn
    ));
}

/// A published clone.
fn clone(node: &Node, source: &str, name: &str) -> Volume {
    let made = node.sluice(&["volume", "clone", source, name, "--app", "vm"]);
    node.sluice(&["volume", "publish", name, "--any-host"]);
    Volume::from_json(&made)
}

#[test]
fn snapshots_clones_and_the_way_back_under_a_file_system() {
    let Some(lab) = Lab::open() else { return };
    let node = Node::start(Backing::File);
    let volume = node.volume("data", 128, 4096);
    let mut guest = Machine::boot(lab, &MachineConfig::default());
    let attach = format!("d=$(attach {} {} -i 2) && ln -sf $d /tmp/disk", node.port(), volume.nqn);
    guest.sh(&format!(
        "set -e
        {attach}
        mkfs.ext4 -q $d
        mount -t ext4 $d /mnt
        head -c 5000000 /dev/urandom > /mnt/keep
        sha1sum < /mnt/keep > /tmp/keep
        sync"
    ));
    node.sluice(&["snapshot", "create", "data@before"]);

    guest.sh(LOAD);
    for number in 0..3 {
        guest.sh(PROGRESS);
        let snapshot = format!("data@s{number}");
        node.sluice(&["snapshot", "create", &snapshot]);
        guest.sh(PROGRESS);
        let copy = clone(&node, &snapshot, &format!("copy{number}"));
        assert_sound(&mut guest, &node, &copy);
    }
    guest.sh("touch /tmp/stop; ended() { tail -n 1 /tmp/load.txt | grep -q verified; }; until_true 110 ended || { cat /tmp/load.txt; exit 1; }");
    let refused = node.try_sluice(&["volume", "rollback", "data@before"]);
    assert_eq!(refused.status.code(), Some(5), "hosts are connected");
    guest.sh(&format!("umount /mnt && detach {}", volume.nqn));

    // Mounting has left its mark in the first two; the way back does not depend on the order of deletions.
    node.sluice(&["snapshot", "delete", "data@s1", "--wait"]);
    node.sluice(&["volume", "rollback", "data@before"]);
    assert_sound(&mut guest, &node, &volume);
    guest.sh(&format!(
        "set -e
        {attach}
        mount -t ext4 -o ro $d /mnt
        [ \"$(ls /mnt | tr '\\n' ' ')\" = 'keep lost+found ' ] || {{ ls /mnt; exit 1; }}
        umount /mnt
        detach {}",
        volume.nqn
    ));
    for copy in ["copy0", "copy1", "copy2"] {
        node.sluice(&["volume", "unpublish", copy]);
        node.sluice(&["volume", "delete", copy, "--wait"]);
    }
    for snapshot in ["data@before", "data@s0", "data@s2"] {
        node.sluice(&["snapshot", "delete", snapshot, "--wait"]);
    }
    let (pool, left) = (node.sluice(&["pool", "show", "disk"]), node.sluice(&["volume", "show", "data"]));
    assert_eq!((&pool["snapshots"], &pool["volumes"]), (&0.into(), &1.into()), "{pool}");
    assert_eq!(left["shared_bytes"], 0, "{left}");
    assert_sound(&mut guest, &node, &volume);
    guest.finish_expecting(&["EXT4-fs"]);
}

#[test]
fn a_volume_grows_under_its_host() {
    let Some(lab) = Lab::open() else { return };
    let node = Node::start(Backing::File);
    let volume = node.volume("data", 16, 4096);
    let mut guest = Machine::boot(lab, &MachineConfig::default());
    guest.sh(&format!(
        "d=$(attach {} {}) && ln -s $d /tmp/disk && [ $(blockdev --getsize64 $d) = 16777216 ]",
        node.port(),
        volume.nqn
    ));
    node.sluice(&["volume", "resize", "data", "--size", "48MiB"]);
    guest.sh("set -e
        grown() { [ $(blockdev --getsize64 /tmp/disk) = 50331648 ]; }
        until_true 20 grown
        head -c 65536 /dev/urandom > /tmp/pattern
        dd if=/tmp/pattern of=/tmp/disk bs=64k seek=767 oflag=direct
        dd if=/tmp/disk bs=64k skip=767 iflag=direct | cmp - /tmp/pattern
        dd if=/tmp/disk bs=64k skip=300 count=1 iflag=direct | cmp - /dev/zero 2>&1 | grep -q EOF");
    guest.sh(&format!("detach {}", volume.nqn));
    guest.finish_expecting(&["detected capacity change"]);
}

/// Power fails for host and node at once: the guest is switched off, and with the daemon goes what was not flushed. What
/// was synchronized before is there; snapshots that were taken under load hold sound file systems.
#[test]
fn what_was_synchronized_survives_loss_of_power() {
    let Some(lab) = Lab::open() else { return };
    let mut node = Node::start(Backing::LosesUnflushed);
    let volume = node.volume("data", 128, 4096);
    let mut guest = Machine::boot(lab, &MachineConfig::default());
    let attach = format!("d=$(attach {} {} -i 2) && ln -sf $d /tmp/disk", node.port(), volume.nqn);
    let sum = guest.sh(&format!(
        "set -e
        {attach}
        mkfs.ext4 -q $d
        mount -t ext4 $d /mnt
        head -c 5000000 /dev/urandom > /mnt/keep
        sync
        sha1sum < /mnt/keep"
    ));
    guest.sh(LOAD);
    guest.sh(PROGRESS);
    node.sluice(&["snapshot", "create", "data@load"]);
    guest.sh(PROGRESS);
    drop(guest);
    node.kill();
    node.start_again();

    let copy = clone(&node, "data@load", "copy");
    let mut guest = Machine::boot(lab, &MachineConfig::default());
    guest.sh(&format!("echo '{sum}' > /tmp/keep"));
    assert_sound(&mut guest, &node, &volume);
    assert_sound(&mut guest, &node, &copy);
    guest.finish_expecting(&["EXT4-fs"]);
}
