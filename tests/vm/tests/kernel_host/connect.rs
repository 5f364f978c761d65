//! Discovery and connecting, with every kind of digest, number of I/O queues and block size.

use sluice_vm::{Backing, HOST_NQN, Lab, Machine, MachineConfig, Node, Volume};

/// The options of `nvme connect` for header and data digests.
pub(crate) const DIGESTS: [(&str, bool, bool); 4] = [
    ("", false, false),
    ("--hdr-digest", true, false),
    ("--data-digest", false, true),
    ("--hdr-digest --data-digest", true, true),
];

#[test]
fn discovery_lists_the_published_volumes() {
    let Some(lab) = Lab::open() else { return };
    let node = Node::start(Backing::Memory);
    let volumes = [node.volume("one", 16, 4096), node.volume("two", 16, 512)];
    node.volume("hidden", 16, 4096);
    node.sluice(&["volume", "unpublish", "hidden"]);
    let mut guest = Machine::boot(lab, &MachineConfig::default());

    let port = node.port().to_string();
    let log = guest.json(&format!("nvme discover -t tcp -a 10.0.2.2 -s {port} -o json"));
    let records = log["records"].as_array().expect("discovery has records");
    let mut found: Vec<&str> = records.iter().filter_map(|record| record["subnqn"].as_str()).collect();
    found.retain(|nqn| *nqn != "nqn.2014-08.org.nvmexpress.discovery");
    let mut expected: Vec<&str> = volumes.iter().map(|volume| volume.nqn.as_str()).collect();
    expected.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, expected, "{log}");
    for record in records {
        assert_eq!(record["trtype"], "tcp", "{record}");
        assert_eq!(record["adrfam"], "ipv4", "{record}");
        assert_eq!(record["trsvcid"], port.as_str(), "{record}");
    }
    guest.finish();
}

#[test]
fn every_digest_queue_count_and_block_size_connects() {
    let Some(lab) = Lab::open() else { return };
    let node = Node::start(Backing::Memory);
    let volumes = [node.volume("small-blocks", 16, 512), node.volume("large-blocks", 16, 4096)];
    let mut guest = Machine::boot(lab, &MachineConfig { processors: 4, ..MachineConfig::default() });

    for volume in &volumes {
        for (options, header_digest, data_digest) in DIGESTS {
            for queues in 1..=4 {
                check_connection(&mut guest, &node, volume, &format!("-i {queues} {options}"));
                let connections = node.connections(volume);
                assert_eq!(
                    connections.len(),
                    1 + queues,
                    "an admin queue and {queues} for I/O: {connections:?}"
                );
                for connection in &connections {
                    assert_eq!(connection["host_nqn"], HOST_NQN);
                    assert_eq!(connection["header_digest"], header_digest, "{options}: {connection}");
                    assert_eq!(connection["data_digest"], data_digest, "{options}: {connection}");
                }
                guest.sh(&format!("detach {}", volume.nqn));
            }
        }
    }
    guest.finish();
}

/// Connects, writes through every size of transfer and verifies what is read back.
fn check_connection(guest: &mut Machine, node: &Node, volume: &Volume, options: &str) {
    let Volume { nqn, block_size, size_bytes, .. } = volume;
    let port = node.port();
    let facts = guest.sh(&format!(
        "set -e
        d=$(attach {port} {nqn} {options}) || {{ echo \"$d\"; exit 1; }}
        q=/sys/block/${{d##*/}}
        echo $(cat $q/queue/logical_block_size) $(($(cat $q/size) * 512))
        fio --name=v --filename=$d --rw=randrw --bsrange={block_size}-64k --size=1m --ioengine=libaio --iodepth=16 \
            --direct=1 --verify=crc32c --verify_fatal=1 --minimal > /tmp/fio.txt || {{ cat /tmp/fio.txt; exit 1; }}"
    ));
    assert_eq!(
        facts,
        format!("{block_size} {size_bytes}"),
        "block size and size in the guest with {options}"
    );
}
