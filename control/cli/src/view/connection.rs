//! `sluice connection list`

use serde::Serialize;
use sluice_node_api::v1::Connection;

use super::Row;
use crate::units;

/// A connection.
#[derive(Debug, Serialize)]
pub(crate) struct ConnectionView {
    volume: String,
    device: String,
    peer: String,
    host_nqn: String,
    controller_id: u32,
    queue_id: u32,
    queue_entries: u32,
    outstanding: u32,
    header_digest: bool,
    data_digest: bool,
    age_ns: u64,
}

impl From<Connection> for ConnectionView {
    fn from(connection: Connection) -> ConnectionView {
        ConnectionView {
            volume: connection.volume,
            device: connection.device,
            peer: connection.peer,
            host_nqn: connection.host_nqn,
            controller_id: connection.controller_id,
            queue_id: connection.queue_id,
            queue_entries: connection.queue_entries,
            outstanding: connection.outstanding,
            header_digest: connection.header_digest,
            data_digest: connection.data_digest,
            age_ns: connection.age_ns,
        }
    }
}

impl Row for ConnectionView {
    const HEADERS: &'static [&'static str] =
        &["VOLUME", "HOST", "PEER", ">CONTROLLER", ">QUEUE", ">ENTRIES", ">IN FLIGHT", "DIGESTS", ">AGE"];

    fn cells(&self) -> Vec<String> {
        let digests = match (self.header_digest, self.data_digest) {
            (false, false) => "none",
            (true, false) => "header",
            (false, true) => "data",
            (true, true) => "header, data",
        };
        vec![
            self.volume.clone(),
            self.host_nqn.clone(),
            self.peer.clone(),
            self.controller_id.to_string(),
            self.queue_id.to_string(),
            self.queue_entries.to_string(),
            self.outstanding.to_string(),
            digests.to_owned(),
            units::long_duration(self.age_ns),
        ]
    }
}

#[cfg(test)]
mod test {
    use sluice_node_api::v1::Connection;

    use super::ConnectionView;
    use crate::view::{Rows, View};

    #[test]
    fn snapshot() {
        let connection = |queue_id, digests| Connection {
            volume: "db-0".into(),
            device: "d".into(),
            peer: "192.0.2.20:50000".into(),
            host_nqn: "nqn.2020-01.com.example:a".into(),
            controller_id: 1,
            queue_id,
            queue_entries: 128,
            outstanding: 4,
            header_digest: digests,
            data_digest: digests,
            age_ns: 61_000_000_000,
        };
        let rows = [connection(0, false), connection(1, true)].map(ConnectionView::from);
        let expected = "\
VOLUME  HOST                       PEER              CONTROLLER  QUEUE  ENTRIES  IN FLIGHT  DIGESTS          AGE
db-0    nqn.2020-01.com.example:a  192.0.2.20:50000           1      0      128          4  none          1m 01s
db-0    nqn.2020-01.com.example:a  192.0.2.20:50000           1      1      128          4  header, data  1m 01s
";
        assert_eq!(Rows(rows.into()).text(), expected);
    }
}
