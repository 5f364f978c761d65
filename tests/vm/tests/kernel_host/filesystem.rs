//! The main job: a file system on a volume, under verified load, with trim.

use std::time::Duration;

use sluice_vm::{Backing, Lab, Machine, MachineConfig, Node};

fn ext4_under_verified_load(block_size: u32, options: &str) {
    let Some(lab) = Lab::open() else { return };
    let node = Node::start(Backing::File);
    let volume = node.volume("data", 256, block_size);
    let mut guest = Machine::boot(lab, &MachineConfig::default());
    let (port, nqn) = (node.port(), &volume.nqn);

    guest.sh(&format!(
        "d=$(attach {port} {nqn} -i 2 {options}) || exit 1; ln -s $d /tmp/disk; mkfs.ext4 -q $d"
    ));
    let load = guest.run_within(
        Duration::from_secs(300),
        "set -e
        mount /tmp/disk /mnt
        fio --name=v --directory=/mnt --size=32m --numjobs=2 --rw=randrw --bsrange=4k-128k --ioengine=libaio \
            --iodepth=16 --direct=1 --fsync=32 --verify=crc32c --verify_fatal=1 --do_verify=1 --group_reporting",
    );
    assert_eq!(load.code, 0, "{}", load.output);
    assert!(load.output.contains("err= 0"), "{}", load.output);

    // What is trimmed is free space: the files must not change.
    let trimmed = guest.sh("set -e
        head -c 5000000 /dev/urandom > /mnt/keep
        before=$(sha1sum < /mnt/keep)
        rm /mnt/v.*
        fstrim -v /mnt
        umount /mnt
        fsck.ext4 -f -n /tmp/disk > /tmp/fsck.txt 2>&1 || { cat /tmp/fsck.txt; exit 1; }
        mount -o ro /tmp/disk /mnt
        [ \"$(sha1sum < /mnt/keep)\" = \"$before\" ] || exit 1
        umount /mnt");
    let bytes = trimmed.split_whitespace().filter_map(|word| word.parse::<u64>().ok()).max();
    assert!(bytes.is_some_and(|bytes| bytes > 64 << 20), "fstrim said: {trimmed}");

    guest.sh(&format!("blkdiscard /tmp/disk && detach {nqn}"));
    guest.finish();
    let errors = node.sluice(&["stats", "--volume", "data"]).to_string();
    assert!(!errors.contains("\"errors\":1"), "{errors}");
}

#[test]
fn ext4_holds_under_verified_load_with_512_byte_blocks() {
    ext4_under_verified_load(512, "");
}

#[test]
fn ext4_holds_under_verified_load_with_4096_byte_blocks_and_digests() {
    ext4_under_verified_load(4096, "--hdr-digest --data-digest");
}
