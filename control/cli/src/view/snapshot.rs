//! `sluice snapshot ...`

use serde::Serialize;
use sluice_node_api::Size;
use sluice_node_api::v1::{ChangedExtent, Snapshot};

use super::{Row, UsageView};
use crate::units::date;

/// A snapshot.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct SnapshotView {
    name: String,
    /// Absent if it is gone.
    volume: Option<String>,
    pool: String,
    app: String,
    size_bytes: u64,
    block_size_bytes: u32,
    created_us: u64,
    #[serde(flatten)]
    usage: UsageView,
    uuid: String,
}

impl From<Snapshot> for SnapshotView {
    fn from(snapshot: Snapshot) -> SnapshotView {
        SnapshotView {
            usage: snapshot.usage.unwrap_or_default().into(),
            name: snapshot.name,
            volume: Some(snapshot.volume).filter(|name| !name.is_empty()),
            pool: snapshot.pool,
            app: snapshot.app,
            size_bytes: snapshot.size_bytes,
            block_size_bytes: snapshot.block_size,
            created_us: snapshot.created_us,
            uuid: snapshot.uuid,
        }
    }
}

impl Row for SnapshotView {
    const HEADERS: &'static [&'static str] =
        &["SNAPSHOT", "POOL", ">SIZE", ">WRITTEN", ">OWN", ">SHARED", "TAKEN", "UUID"];

    fn cells(&self) -> Vec<String> {
        let volume = self.volume.as_deref().unwrap_or("(gone)");
        vec![
            format!("{volume}@{}", self.name),
            self.pool.clone(),
            Size(self.size_bytes).rounded(),
            Size(self.usage.logical_bytes).rounded(),
            Size(self.usage.exclusive_bytes).rounded(),
            Size(self.usage.shared_bytes).rounded(),
            date(self.created_us),
            self.uuid.clone(),
        ]
    }
}

/// Bytes that may be different.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ChangeView {
    offset_bytes: u64,
    length_bytes: u64,
    /// Whether there are data; otherwise it reads as zeroes.
    mapped: bool,
}

impl From<ChangedExtent> for ChangeView {
    fn from(extent: ChangedExtent) -> ChangeView {
        let ChangedExtent { offset_bytes, length_bytes, mapped } = extent;
        ChangeView { offset_bytes, length_bytes, mapped }
    }
}

impl Row for ChangeView {
    const HEADERS: &'static [&'static str] = &[">OFFSET", ">LENGTH", "HOLDS"];

    fn cells(&self) -> Vec<String> {
        let holds = if self.mapped { "data" } else { "zeroes" };
        vec![self.offset_bytes.to_string(), self.length_bytes.to_string(), holds.to_owned()]
    }
}

#[cfg(test)]
mod test {
    use sluice_node_api::v1::{ChangedExtent, Snapshot, Usage};

    use super::{ChangeView, SnapshotView};
    use crate::view::{Rows, View};

    #[test]
    fn snapshots() {
        let snapshot = Snapshot {
            name: "monday".into(),
            volume: "db-0".into(),
            pool: "disk".into(),
            app: "shop".into(),
            uuid: "6b1c".into(),
            size_bytes: 10 << 30,
            block_size: 4096,
            created_us: 951_825_600_000_000,
            usage: Some(Usage { logical_bytes: 4 << 20, exclusive_bytes: 0, shared_bytes: 8 << 20 }),
        };
        let orphan = Snapshot { volume: String::new(), ..snapshot.clone() };
        let expected = "\
SNAPSHOT       POOL    SIZE  WRITTEN  OWN  SHARED  TAKEN                 UUID
db-0@monday    disk  10 GiB    4 MiB  0 B   8 MiB  2000-02-29T12:00:00Z  6b1c
(gone)@monday  disk  10 GiB    4 MiB  0 B   8 MiB  2000-02-29T12:00:00Z  6b1c
";
        let rows = Rows(vec![SnapshotView::from(snapshot), SnapshotView::from(orphan)]);
        assert_eq!(rows.text(), expected);
        let json = serde_json::to_value(&rows).expect("JSON");
        assert_eq!((json[0]["shared_bytes"].as_u64(), json[1]["volume"].is_null()), (Some(8 << 20), true));
    }

    #[test]
    fn changes() {
        let extent = ChangedExtent { offset_bytes: 8192, length_bytes: 4096, mapped: true };
        let zeroed = ChangedExtent { offset_bytes: 65_536, length_bytes: 131_072, mapped: false };
        let expected = "\
OFFSET  LENGTH  HOLDS
  8192    4096  data
 65536  131072  zeroes
";
        assert_eq!(Rows([extent, zeroed].map(ChangeView::from).into()).text(), expected);
    }
}
