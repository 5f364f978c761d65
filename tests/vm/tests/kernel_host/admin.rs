//! What nvme-cli shows of a controller and its namespace, checked for sense and against what the node says.

use serde_json::Value;
use sluice_vm::{Backing, Lab, Machine, MachineConfig, Node, Volume};

/// A guest with one connected volume: its controller is `/dev/nvme0`, its block device `/dev/nvme0n1`. (nvme-cli knows
/// controllers by these names only, not by links.)
fn connected(lab: &Lab, node: &Node, volume: &Volume) -> Machine {
    let mut guest = Machine::boot(lab, &MachineConfig::default());
    guest.sh(&format!(
        "[ \"$(attach {} {} -i 2 --keep-alive-tmo=7)\" = /dev/nvme0n1 ]",
        node.port(),
        volume.nqn
    ));
    guest
}

fn number(value: &Value, member: &str) -> u64 {
    let number = value[member].as_u64().or_else(|| value[member].as_str()?.parse().ok());
    number.unwrap_or_else(|| panic!("no number {member} in {value}"))
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_else(|| panic!("no text {member} in {value}")).trim_end()
}

/// Everything about identity for one block size.
fn identity(block_size: u32) {
    let Some(lab) = Lab::open() else { return };
    let node = Node::start(Backing::File);
    let volume = node.volume("data", 16, block_size);
    let mut guest = connected(lab, &node, &volume);

    check_controller(&guest.json("nvme id-ctrl /dev/nvme0 -o json"), &volume);
    check_namespace(&guest.json("nvme id-ns /dev/nvme0n1 -o json"), &volume);

    let descriptors =
        guest.json("nvme ns-descs /dev/nvme0n1 -o json").to_string().replace('-', "").to_lowercase();
    assert!(descriptors.contains(&volume.uuid.replace('-', "")), "UUID of {volume:?} in {descriptors}");
    assert!(descriptors.contains(&volume.nguid), "NGUID of {volume:?} in {descriptors}");
    assert_eq!(guest.sh("nvme list-ns /dev/nvme0"), "[   0]:0x1");

    let list = guest.json("nvme list -o json");
    let device = &list["Devices"][0];
    assert_eq!(number(device, "PhysicalSize"), volume.size_bytes, "{list}");
    assert_eq!(number(device, "SectorSize"), volume.block_size, "{list}");
    let subsystems = guest.json("nvme list-subsys -o json");
    let subsystem = subsystems.pointer("/0/Subsystems/0").expect("a subsystem");
    assert_eq!(text(subsystem, "NQN"), volume.nqn);
    assert_eq!(subsystem["Paths"][0]["State"], "live");
    guest.finish();
}

fn check_controller(controller: &Value, volume: &Volume) {
    assert_eq!(text(controller, "subnqn"), volume.nqn);
    for member in ["sn", "mn", "fr"] {
        assert!(!text(controller, member).is_empty(), "{member} in {controller}");
    }
    assert_eq!(number(controller, "nn"), 1);
    assert_eq!((number(controller, "sqes"), number(controller, "cqes")), (0x66, 0x44));
    assert!(number(controller, "ver") >= 0x1_0400, "{controller}");
    assert_eq!(number(controller, "cntrltype"), 1, "an I/O controller");
    // The daemon's defaults: transfers of 32 pages of 4 KiB, capsules of 64 bytes and 8 KiB of data.
    assert_eq!(number(controller, "mdts"), 5);
    assert_eq!(number(controller, "ioccsz"), (64 + 8192) / 16);
    assert!(number(controller, "maxcmd") > 0 && number(controller, "kas") > 0, "{controller}");
    assert_eq!(number(controller, "vwc") & 1, 1, "a file has a volatile write cache");
    // Optional commands: Compare is bit 0, Dataset Management bit 2, Write Zeroes bit 3.
    assert_eq!(number(controller, "oncs") & 0b1101, 0b1101, "{controller}");
    assert_ne!(number(controller, "oaes") & 1 << 8, 0, "tells of changed namespaces");
}

fn check_namespace(namespace: &Value, volume: &Volume) {
    let blocks = volume.size_bytes / volume.block_size;
    for member in ["nsze", "ncap"] {
        assert_eq!(number(namespace, member), blocks, "{member}");
    }
    assert!(number(namespace, "nuse") <= blocks);
    assert_eq!(text(namespace, "nguid"), volume.nguid);
    let format = &namespace["lbafs"][usize::try_from(number(namespace, "flbas") & 0xf).unwrap()];
    assert_eq!((1 << number(format, "ds"), number(format, "ms")), (volume.block_size, 0), "{namespace}");
}

#[test]
fn identify_tells_of_a_volume_with_512_byte_blocks() {
    identity(512);
}

#[test]
fn identify_tells_of_a_volume_with_4096_byte_blocks() {
    identity(4096);
}

#[test]
fn log_pages_answer() {
    let Some(lab) = Lab::open() else { return };
    let node = Node::start(Backing::File);
    let volume = node.volume("data", 16, 4096);
    let mut guest = connected(lab, &node, &volume);

    guest.sh("dd if=/dev/nvme0n1 of=/dev/null bs=64k iflag=direct && dd if=/dev/zero of=/dev/nvme0n1 bs=64k count=16 oflag=direct");
    let health = guest.json("nvme smart-log /dev/nvme0 -o json");
    assert_eq!(number(&health, "critical_warning"), 0, "{health}");
    assert!(number(&health, "avail_spare") >= number(&health, "spare_thresh"), "{health}");
    assert!(number(&health, "percent_used") < 100, "{health}");
    assert!(number(&health, "host_read_commands") >= 256, "16 MiB in 64 KiB: {health}");
    assert!(number(&health, "host_write_commands") >= 16, "{health}");
    assert!(number(&health, "data_units_read") >= 32, "16 MiB in thousands of 512 bytes: {health}");
    assert!(number(&health, "data_units_written") >= 2, "{health}");
    assert_eq!(number(&health, "media_errors"), 0, "{health}");

    assert_ne!(guest.run("nvme read /dev/nvme0n1 -s 100000 -c 0 -z 4096 -d /tmp/read").code, 0);
    let errors = guest.json("nvme error-log /dev/nvme0 -o json");
    let error = &errors["errors"][0];
    assert!(number(error, "error_count") >= 1, "{errors}");
    assert_eq!((number(error, "lba"), number(error, "nsid")), (100_000, 1), "{errors}");
    assert_eq!(number(error, "status_field") & 0x7ff, 0x80, "LBA Out of Range: {errors}");

    let firmware = guest.json("nvme fw-log /dev/nvme0 -o json").to_string();
    assert!(firmware.contains("(afi)\":1"), "slot 1 is active: {firmware}");
    let effects = guest.sh("nvme effects-log /dev/nvme0 --csi=0");
    for command in ["Identify", "Get Log Page", "Keep Alive", "Write", "Read", "Flush", "Write Zeroes"] {
        assert!(effects.contains(command), "{command} in {effects}");
    }
    assert_eq!(guest.run("nvme changed-ns-list-log /dev/nvme0").code, 0);
    let unknown = guest.run("nvme get-log /dev/nvme0 --log-id=0x6f --log-len=64");
    assert!(unknown.output.contains("Invalid Log Page"), "{}", unknown.output);
    guest.finish();
}

#[test]
fn properties_and_features_answer() {
    let Some(lab) = Lab::open() else { return };
    let node = Node::start(Backing::File);
    let volume = node.volume("data", 16, 4096);
    let mut guest = connected(lab, &node, &volume);

    let registers = guest.json("nvme show-regs /dev/nvme0 -o json");
    assert_eq!(number(&registers, "vs"), 0x2_0000, "{registers}");
    assert_eq!(property(&mut guest, 0x00) & 0xffff, 127, "CAP: 128 entries");
    assert_eq!(property(&mut guest, 0x08), 0x2_0000, "VS");
    assert_eq!(
        (property(&mut guest, 0x14) & 1, property(&mut guest, 0x1c) & 0xf),
        (1, 1),
        "enabled and ready"
    );

    // Number of Queues is zero-based in both halves; the kernel has asked for two.
    assert_eq!(feature(&mut guest, 0x07), 0x0001_0001);
    assert_eq!(feature(&mut guest, 0x06) & 1, 1, "the volatile write cache is on");
    assert_eq!(feature(&mut guest, 0x0f), 7000, "the Keep Alive timeout in milliseconds");
    assert_ne!(feature(&mut guest, 0x0b) & 1 << 8, 0, "the kernel asks for namespace events");
    for identifier in [0x01, 0x02, 0x04, 0x05] {
        feature(&mut guest, identifier);
    }
    let unknown = guest.run("nvme get-feature /dev/nvme0 -f 0x7f");
    assert!(unknown.output.contains("Invalid Field"), "{}", unknown.output);
    guest.finish();
}

/// A property of the controller.
fn property(guest: &mut Machine, offset: u64) -> u64 {
    let line = guest.sh(&format!("nvme get-property /dev/nvme0 --offset={offset:#x}"));
    let value = line.rsplit("value:").next().and_then(|rest| rest.split_whitespace().next());
    let digits = value.map(|value| value.trim_start_matches("0x"));
    let value = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
    value.unwrap_or_else(|| panic!("no value in {line}"))
}

/// The current value of a feature.
fn feature(guest: &mut Machine, identifier: u8) -> u64 {
    let line = guest.sh(&format!("nvme get-feature /dev/nvme0 -f {identifier:#x}"));
    let value = line.rsplit("value:").next().and_then(|rest| rest.split_whitespace().next());
    let digits = value.map(|value| value.trim_start_matches("0x"));
    let value = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
    value.unwrap_or_else(|| panic!("no value in {line}"))
}

#[test]
fn a_controller_reset_keeps_the_volume() {
    let Some(lab) = Lab::open() else { return };
    let node = Node::start(Backing::File);
    let volume = node.volume("data", 16, 4096);
    let mut guest = connected(lab, &node, &volume);
    guest.sh("set -e
        head -c 65536 /dev/urandom > /tmp/pattern
        dd if=/tmp/pattern of=/dev/nvme0n1 bs=64k oflag=direct
        nvme reset /dev/nvme0
        dd if=/dev/nvme0n1 bs=64k count=1 iflag=direct | cmp - /tmp/pattern");
    guest.finish_expecting(&["resetting controller"]);
}
