//! Captured packets, judged by tshark's NVMe/TCP dissector: a second reading of the specification.

use std::collections::BTreeMap;
use std::io::Write;

use tempfile::NamedTempFile;

use crate::tool;

/// The Ethernet packets of a machine's life, in pcap form.
#[derive(Debug)]
pub struct Capture {
    packets: Vec<u8>,
}

/// What tshark found in a capture.
#[derive(Debug)]
pub struct Dissection {
    /// How often each PDU type occurred, by its number (`NVMe/TCP` section 3.6.2).
    pub pdus: BTreeMap<u8, u64>,
    /// Packets that did not dissect, one line each: frame, protocols and what is wrong.
    pub malformed: Vec<String>,
    /// Packets with a digest that is not that of their PDU, one line each: frame and PDU types.
    pub bad_digests: Vec<String>,
    /// How many packets held a digest that is right.
    pub good_digests: usize,
}

impl Capture {
    pub(crate) fn new(packets: Vec<u8>) -> Self {
        Self { packets }
    }

    /// Dissects the connections to a TCP port as NVMe/TCP.
    ///
    /// # Panics
    ///
    /// When tshark fails or is missing.
    #[must_use]
    pub fn dissect(&self, port: u16) -> Dissection {
        let mut file = NamedTempFile::new().expect("make a capture file");
        file.write_all(&self.packets).expect("write the capture file");
        let path = file.path().display().to_string();
        let decode = format!("tcp.port=={port},nvme-tcp");
        let fields = |filter: &str, fields: &[&str]| {
            let mut arguments = vec!["-r", &path, "-d", &decode, "-Y", filter, "-T", "fields"];
            arguments.extend(["-o", "nvme-tcp.check_hdgst:TRUE", "-o", "nvme-tcp.check_ddgst:TRUE"]);
            arguments.extend(fields.iter().flat_map(|field| ["-e", field]));
            tool::text("tshark", arguments).lines().map(str::to_owned).collect::<Vec<String>>()
        };
        let digests = |status: u8| {
            let filter = format!("nvme-tcp.hdgst.status == {status} || nvme-tcp.ddgst.status == {status}");
            fields(&filter, &["frame.number", "nvme-tcp.type"])
        };
        Dissection {
            pdus: count(&fields("nvme-tcp", &["nvme-tcp.type"])),
            malformed: fields("_ws.malformed", &["frame.number", "frame.protocols", "_ws.expert.message"]),
            bad_digests: digests(0),
            good_digests: digests(1).len(),
        }
    }
}

/// Counts the PDU types in lines of comma-separated numbers.
fn count(types: &[String]) -> BTreeMap<u8, u64> {
    let mut pdus = BTreeMap::new();
    let numbers = types.iter().flat_map(|line| line.split(','));
    for number in numbers.filter_map(|number| number.parse().ok()) {
        *pdus.entry(number).or_default() += 1;
    }
    pdus
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn pdu_types_are_counted_over_packets_that_hold_several() {
        let lines = ["0", "4,4,6", "", "5"].map(str::to_owned);
        assert_eq!(count(&lines), BTreeMap::from([(0, 1), (4, 2), (5, 1), (6, 1)]));
    }
}
