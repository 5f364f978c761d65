//! What goes over the wire, read by another's dissector.

use sluice_vm::{Backing, Lab, Machine, MachineConfig, Node};

use crate::connect::DIGESTS;

/// PDU types (`NVMe/TCP` section 3.6.2) that must occur: ICReq, ICResp, CapsuleCmd, CapsuleResp, H2CData, C2HData, R2T.
const EXPECTED: [u8; 7] = [0, 1, 4, 5, 6, 7, 9];

#[test]
fn a_captured_run_dissects_without_malformed_packets() {
    let Some(lab) = Lab::open() else { return };
    let node = Node::start(Backing::Memory);
    let volume = node.volume("data", 16, 512);
    let mut guest = Machine::boot(lab, &MachineConfig { capture: true, ..MachineConfig::default() });
    let (port, nqn) = (node.port(), &volume.nqn);

    for (options, ..) in DIGESTS {
        guest.sh(&format!(
            "set -e
            d=$(attach {port} {nqn} {options})
            for size in 512 8192 65536; do
                dd if=/dev/urandom of=$d bs=$size count=8 oflag=direct 2> /dev/null
                dd if=$d of=/dev/null bs=$size count=8 iflag=direct 2> /dev/null
            done
            nvme id-ctrl $(controller_of {nqn}) > /dev/null
            detach {nqn}"
        ));
    }
    let found = guest.finish().expect("the machine kept its packets").dissect(port);
    assert!(found.malformed.is_empty(), "malformed packets:\n{}", found.malformed.join("\n"));
    assert!(found.bad_digests.is_empty(), "wrong digests:\n{}", found.bad_digests.join("\n"));
    assert!(found.good_digests > 100, "{found:?}");
    for pdu in EXPECTED {
        assert!(found.pdus.contains_key(&pdu), "no PDU of type {pdu}: {:?}", found.pdus);
    }
    let unexpected: Vec<_> = found.pdus.keys().filter(|pdu| !EXPECTED.contains(pdu)).collect();
    assert!(unexpected.is_empty(), "PDUs that end a connection: {:?}", found.pdus);
}
