//! `sluice pool ...`

use serde::Serialize;
use sluice_node_api::Size;
use sluice_node_api::v1::{Pool, SpaceLevel};

use super::{Row, View, card};

/// A pool.
#[derive(Debug, Serialize)]
pub(crate) struct PoolView {
    name: String,
    uuid: String,
    capacity_bytes: u64,
    free_bytes: u64,
    /// Promised to thick volumes and not written to.
    promised_bytes: u64,
    metadata_bytes: u64,
    /// Of what was deleted, as far as it is known by now.
    reclaiming_bytes: u64,
    reclaiming: bool,
    /// `ample`, `low`, `critical` or `full`.
    space: &'static str,
    /// Why it takes no writes and changes.
    suspended: Option<String>,
    volumes: u32,
    snapshots: u32,
}

impl From<Pool> for PoolView {
    fn from(pool: Pool) -> PoolView {
        let space = match pool.level() {
            SpaceLevel::Unspecified => "unknown",
            SpaceLevel::Ample => "ample",
            SpaceLevel::Low => "low",
            SpaceLevel::Critical => "critical",
            SpaceLevel::Full => "full",
        };
        PoolView {
            space,
            name: pool.name,
            uuid: pool.uuid,
            capacity_bytes: pool.capacity_bytes,
            free_bytes: pool.free_bytes,
            promised_bytes: pool.promised_bytes,
            metadata_bytes: pool.metadata_bytes,
            reclaiming_bytes: pool.reclaiming_bytes,
            reclaiming: pool.reclaiming,
            suspended: Some(pool.suspended).filter(|why| !why.is_empty()),
            volumes: pool.volumes,
            snapshots: pool.snapshots,
        }
    }
}

impl PoolView {
    /// Whether it serves, in a word.
    fn state(&self) -> &'static str {
        if self.suspended.is_some() { "suspended" } else { "open" }
    }
}

impl Row for PoolView {
    const HEADERS: &'static [&'static str] =
        &["POOL", "STATE", ">CAPACITY", ">FREE", "SPACE", ">VOLUMES", ">SNAPSHOTS", "UUID"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            self.state().to_owned(),
            Size(self.capacity_bytes).rounded(),
            Size(self.free_bytes).rounded(),
            self.space.to_owned(),
            self.volumes.to_string(),
            self.snapshots.to_string(),
            self.uuid.clone(),
        ]
    }
}

impl View for PoolView {
    fn text(&self) -> String {
        let state = match &self.suspended {
            None => "open".to_owned(),
            Some(why) => format!("suspended: {why}; check the device, then restart the daemon"),
        };
        let left = match self.reclaiming {
            true => format!("{}, more to come", Size(self.reclaiming_bytes).rounded()),
            false => "none".to_owned(),
        };
        card(&[
            ("pool", self.name.clone()),
            ("state", state),
            ("capacity", Size(self.capacity_bytes).rounded()),
            ("free", Size(self.free_bytes).rounded()),
            ("space", self.space.to_owned()),
            ("promised", Size(self.promised_bytes).rounded()),
            ("metadata", Size(self.metadata_bytes).rounded()),
            ("reclaiming", left),
            ("volumes", self.volumes.to_string()),
            ("snapshots", self.snapshots.to_string()),
            ("uuid", self.uuid.clone()),
        ])
    }
}

#[cfg(test)]
mod test {
    use sluice_node_api::v1::{Pool, SpaceLevel};

    use super::PoolView;
    use crate::view::{Rows, View};

    fn pool() -> Pool {
        Pool {
            name: "file-0".into(),
            uuid: "6b1c".into(),
            capacity_bytes: (64 << 30) - (2 << 20),
            free_bytes: 1 << 30,
            volumes: 12,
            snapshots: 3,
            promised_bytes: 1 << 20,
            metadata_bytes: 3 << 20,
            reclaiming: true,
            reclaiming_bytes: 512 << 20,
            level: SpaceLevel::Critical.into(),
            suspended: String::new(),
        }
    }

    #[test]
    fn pools() {
        let suspended = Pool { name: "b".into(), suspended: "flushing failed".into(), ..pool() };
        let expected = "\
POOL    STATE      CAPACITY   FREE  SPACE     VOLUMES  SNAPSHOTS  UUID
file-0  open       63.9 GiB  1 GiB  critical       12          3  6b1c
b       suspended  63.9 GiB  1 GiB  critical       12          3  6b1c
";
        let rows = Rows(vec![PoolView::from(pool()), PoolView::from(suspended)]);
        assert_eq!(rows.text(), expected);
        let json = serde_json::to_value(&rows).expect("JSON");
        assert_eq!((json[0]["free_bytes"].as_u64(), json[0]["suspended"].is_null()), (Some(1 << 30), true));
        assert_eq!(json[1]["suspended"], "flushing failed");
    }

    #[test]
    fn one_pool() {
        let expected = "\
pool        file-0
state       open
capacity    63.9 GiB
free        1 GiB
space       critical
promised    1 MiB
metadata    3 MiB
reclaiming  512 MiB, more to come
volumes     12
snapshots   3
uuid        6b1c
";
        assert_eq!(PoolView::from(pool()).text(), expected);
    }
}
