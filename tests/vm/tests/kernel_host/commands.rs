//! I/O commands besides reads and writes: Write Zeroes, Flush, Compare, Dataset Management, FUA.

use sluice_vm::{Backing, Lab, Machine, MachineConfig, Node, Volume};

/// A guest with a volume as `/tmp/disk`, its first MiB filled with a pattern that is also in `/tmp/pattern`.
fn guest_with_pattern(lab: &Lab, node: &Node, volume: &Volume) -> Machine {
    let mut guest = Machine::boot(lab, &MachineConfig::default());
    guest.sh(&format!(
        "set -e
        d=$(attach {} {})
        ln -s $d /tmp/disk
        head -c 1048576 /dev/urandom > /tmp/pattern
        dd if=/tmp/pattern of=$d bs=64k oflag=direct 2> /dev/null",
        node.port(),
        volume.nqn
    ));
    guest
}

/// Reads blocks past the guest's page cache into `/tmp/read`.
fn read(block_size: u64, first: u64, count: u64) -> String {
    format!(
        "dd if=/tmp/disk of=/tmp/read bs={block_size} skip={first} count={count} iflag=direct 2> /dev/null"
    )
}

fn zeroes_and_deallocates(block_size: u32) {
    let Some(lab) = Lab::open() else { return };
    let node = Node::start(Backing::File);
    let volume = node.volume("data", 16, block_size);
    let mut guest = guest_with_pattern(lab, &node, &volume);
    let size = volume.block_size;

    // Blocks 8 to 23 of 32 become zeroes; those on either side stay. The number of blocks is zero-based.
    for command in ["nvme write-zeroes /tmp/disk -s 8 -c 15", "nvme write-zeroes /tmp/disk -s 8 -c 15 --deac"]
    {
        guest.sh(&format!(
            "set -e
            {command}
            {}
            {{ head -c $((8 * {size})) /tmp/pattern
               head -c $((16 * {size})) /dev/zero
               tail -c +$((24 * {size} + 1)) /tmp/pattern | head -c $((8 * {size})); }} > /tmp/expected
            cmp /tmp/read /tmp/expected
            dd if=/tmp/pattern of=/tmp/disk bs=64k oflag=direct 2> /dev/null",
            read(size, 0, 32)
        ));
    }

    // Two ranges in one Dataset Management command; the block between them stays. A pool gives back units of 4 KiB, and
    // the first range is made of them.
    let facts = guest.sh(&format!(
        "set -e
        nvme dsm /tmp/disk --ad --slbs=8,17 --blocks=8,8 > /dev/null
        {}
        dd if=/tmp/read bs={size} skip=16 count=1 2> /dev/null > /tmp/a
        dd if=/tmp/pattern bs={size} skip=16 count=1 2> /dev/null > /tmp/b
        cmp /tmp/a /tmp/b
        nvme id-ns /tmp/disk | grep dlfeat",
        read(size, 0, 32)
    ));
    if facts.trim_end().ends_with('1') || facts.trim_end().ends_with('9') {
        guest.sh(&format!(
            "dd if=/tmp/read bs={size} skip=8 count=8 2> /dev/null | cmp -n $((8 * {size})) - /dev/zero"
        ));
    }
    guest.finish();
}

#[test]
fn zeroed_and_deallocated_blocks_have_512_bytes() {
    zeroes_and_deallocates(512);
}

#[test]
fn zeroed_and_deallocated_blocks_have_4096_bytes() {
    zeroes_and_deallocates(4096);
}

#[test]
fn compare_tells_equal_from_different() {
    let Some(lab) = Lab::open() else { return };
    let node = Node::start(Backing::Memory);
    let volume = node.volume("data", 16, 512);
    let mut guest = guest_with_pattern(lab, &node, &volume);

    guest.sh("nvme compare /tmp/disk -s 0 -c 127 -z 65536 -d /tmp/pattern");
    // One bit of the last byte differs.
    let different = guest.run(
        "head -c 65535 /tmp/pattern > /tmp/other
        last=$(tail -c +65536 /tmp/pattern | head -c 1 | xxd -p)
        printf '%02x' $((0x$last ^ 1)) | xxd -r -p >> /tmp/other
        nvme compare /tmp/disk -s 0 -c 127 -z 65536 -d /tmp/other",
    );
    assert_ne!(different.code, 0);
    assert!(different.output.to_uppercase().contains("COMPARE"), "{}", different.output);
    guest.finish();
}

#[test]
fn flush_and_forced_unit_access_succeed() {
    let Some(lab) = Lab::open() else { return };
    let node = Node::start(Backing::File);
    let volume = node.volume("data", 16, 4096);
    let mut guest = guest_with_pattern(lab, &node, &volume);

    let cache = guest.sh("cat /sys/block/$(basename $(readlink /tmp/disk))/queue/write_cache");
    assert_eq!(cache, "write back", "a file has a volatile cache, and the host must know");
    guest.sh("set -e
        nvme flush /tmp/disk
        nvme write /tmp/disk -s 64 -c 0 -z 4096 -d /tmp/pattern --force-unit-access
        nvme read /tmp/disk -s 64 -c 0 -z 4096 -d /tmp/read --force-unit-access
        head -c 4096 /tmp/pattern | cmp - /tmp/read");
    let before = others(&node);
    guest.sh("dd if=/tmp/pattern of=/tmp/disk bs=4k count=4 conv=fsync 2> /dev/null");
    assert!(others(&node) > before, "fsync reached the daemon as a Flush");
    guest.finish();
}

/// Flushes and the like that the daemon has counted.
fn others(node: &Node) -> u64 {
    let stats = node.sluice(&["stats", "--volume", "data"]);
    let count = stats.pointer("/volumes/0/others/count").and_then(serde_json::Value::as_u64);
    count.unwrap_or_else(|| panic!("no count in {stats}"))
}

#[test]
fn commands_outside_the_namespace_are_refused_alone() {
    let Some(lab) = Lab::open() else { return };
    let node = Node::start(Backing::Memory);
    let volume = node.volume("data", 16, 4096);
    let mut guest = guest_with_pattern(lab, &node, &volume);
    let blocks = volume.size_bytes / volume.block_size;

    let last = blocks - 1;
    guest.sh(&format!("nvme read /tmp/disk -s {last} -c 0 -z 4096 -d /tmp/read"));
    for command in ["read", "write", "compare"] {
        let answer = guest.run(&format!("nvme {command} /tmp/disk -s {last} -c 1 -z 8192 -d /tmp/pattern"));
        assert_ne!(answer.code, 0, "{command}");
        assert!(answer.output.to_uppercase().contains("LBA"), "{command}: {}", answer.output);
    }
    let unknown = guest.run("nvme io-passthru /tmp/disk --opcode=0x7d --namespace-id=1");
    assert!(unknown.output.to_uppercase().contains("OPCODE"), "{}", unknown.output);
    guest.sh(&format!("{} && head -c 4096 /tmp/pattern | cmp - /tmp/read", read(4096, 0, 1)));
    assert_eq!(node.connections(&volume).len(), 3, "every connection has survived");
    guest.finish();
}
