//! `sluice volume ...`

use std::net::SocketAddr;

use serde::Serialize;
use sluice_node_api::v1::{HostAccess, Usage, Volume, host_access};
use sluice_node_api::{ApiAddress, Size};

use super::{Row, View, card, yes};
use crate::connect;
use crate::units::date;

/// What a volume or snapshot takes of its pool.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct UsageView {
    /// Written and not given back.
    pub(crate) logical_bytes: u64,
    /// What deleting it frees.
    pub(crate) exclusive_bytes: u64,
    /// Together with others.
    pub(crate) shared_bytes: u64,
}

impl From<Usage> for UsageView {
    fn from(usage: Usage) -> UsageView {
        let Usage { logical_bytes, exclusive_bytes, shared_bytes } = usage;
        UsageView { logical_bytes, exclusive_bytes, shared_bytes }
    }
}

/// A volume.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct VolumeView {
    pub(crate) name: String,
    pub(crate) app: String,
    pool: String,
    size_bytes: u64,
    block_size_bytes: u32,
    thick: bool,
    /// What it was cloned from.
    origin: Option<String>,
    created_us: u64,
    #[serde(flatten)]
    usage: UsageView,
    pub(crate) published: bool,
    any_host: bool,
    hosts: Vec<String>,
    connections: u32,
    uuid: String,
    nguid: String,
    pub(crate) nqn: String,
}

impl From<Volume> for VolumeView {
    fn from(volume: Volume) -> VolumeView {
        let (any_host, hosts) = match volume.access {
            Some(HostAccess { access: Some(host_access::Access::AnyHost(_)) }) => (true, Vec::new()),
            Some(HostAccess { access: Some(host_access::Access::Hosts(list)) }) => (false, list.nqns),
            _ => (false, Vec::new()),
        };
        VolumeView {
            any_host,
            hosts,
            name: volume.name,
            app: volume.app,
            pool: volume.pool,
            size_bytes: volume.size_bytes,
            block_size_bytes: volume.block_size,
            thick: volume.thick,
            origin: Some(volume.origin).filter(|origin| !origin.is_empty()),
            created_us: volume.created_us,
            usage: volume.usage.unwrap_or_default().into(),
            published: volume.published,
            connections: volume.connections,
            uuid: volume.uuid,
            nguid: volume.nguid,
            nqn: volume.nqn,
        }
    }
}

impl VolumeView {
    /// Who may connect, in a word or two.
    fn access(&self) -> String {
        match (self.published, self.any_host, self.hosts.len()) {
            (false, ..) => "none".to_owned(),
            (true, true, _) => "any host".to_owned(),
            (true, false, 1) => "1 host".to_owned(),
            (true, false, n) => format!("{n} hosts"),
        }
    }
}

impl Row for VolumeView {
    const HEADERS: &'static [&'static str] =
        &["VOLUME", "APP", "POOL", ">SIZE", ">WRITTEN", ">BLOCK", "ACCESS", ">CONNECTIONS", "UUID"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            self.app.clone(),
            self.pool.clone(),
            Size(self.size_bytes).rounded(),
            Size(self.usage.logical_bytes).rounded(),
            self.block_size_bytes.to_string(),
            self.access(),
            self.connections.to_string(),
            self.uuid.clone(),
        ]
    }
}

impl View for VolumeView {
    fn text(&self) -> String {
        let hosts = if self.hosts.is_empty() { self.access() } else { self.hosts.join(" ") };
        card(&[
            ("volume", self.name.clone()),
            ("app", self.app.clone()),
            ("pool", self.pool.clone()),
            ("size", Size(self.size_bytes).rounded()),
            ("provision", if self.thick { "thick" } else { "thin" }.to_owned()),
            ("written", Size(self.usage.logical_bytes).rounded()),
            ("its own", Size(self.usage.exclusive_bytes).rounded()),
            ("shared", Size(self.usage.shared_bytes).rounded()),
            ("origin", self.origin.clone().unwrap_or_else(|| "-".to_owned())),
            ("created", date(self.created_us)),
            ("block size", self.block_size_bytes.to_string()),
            ("published", yes(self.published)),
            ("hosts", hosts),
            ("connections", self.connections.to_string()),
            ("uuid", self.uuid.clone()),
            ("nguid", self.nguid.clone()),
            ("nqn", self.nqn.clone()),
        ])
    }
}

/// A published volume and how to connect to it.
#[derive(Debug, Serialize)]
pub(crate) struct Published {
    volume: VolumeView,
    /// For each host, or once for any, one command per listener; each leads to the same volume.
    connect: Vec<String>,
}

impl Published {
    pub(crate) fn new(volume: VolumeView, listeners: &[SocketAddr], node: &ApiAddress) -> Published {
        let hosts: Vec<Option<&str>> = match volume.hosts.as_slice() {
            [] => vec![None],
            hosts => hosts.iter().map(|host| Some(host.as_str())).collect(),
        };
        let addresses: Vec<SocketAddr> = listeners.iter().map(|at| connect::reachable(*at, node)).collect();
        let commands = |host: &Option<&str>| -> Vec<String> {
            addresses.iter().map(|address| connect::command(*address, &volume.nqn, *host)).collect()
        };
        let connect = hosts.iter().flat_map(commands).collect();
        Published { volume, connect }
    }
}

impl View for Published {
    fn text(&self) -> String {
        let lines: String = self.connect.iter().map(|line| format!("  {line}\n")).collect();
        format!("{} is published to {}. On a host:\n{lines}", self.volume.name, self.volume.access())
    }
}

/// A volume that is gone.
#[derive(Debug, Serialize)]
pub(crate) struct Deleted {
    pub(crate) deleted: String,
}

impl View for Deleted {
    fn text(&self) -> String {
        format!("{} is deleted\n", self.deleted)
    }
}

#[cfg(test)]
mod test {
    use sluice_node_api::v1::{AnyHost, HostAccess, HostList, Usage, Volume, host_access};

    use super::{Published, VolumeView};
    use crate::view::{Rows, View};

    fn volume(access: Option<host_access::Access>) -> Volume {
        Volume {
            name: "db-0".into(),
            app: "db".into(),
            pool: "disk".into(),
            uuid: "u-u".into(),
            nguid: "00ff".into(),
            nqn: "nqn.2026-11.io.sluice:u-u".into(),
            block_size: 4096,
            size_bytes: 10 << 30,
            published: access.is_some(),
            access: access.map(|access| HostAccess { access: Some(access) }),
            connections: 3,
            thick: false,
            origin: "base@gold".into(),
            created_us: 951_825_600_000_000,
            usage: Some(Usage { logical_bytes: 4 << 20, exclusive_bytes: 1 << 20, shared_bytes: 8 << 20 }),
        }
    }

    fn hosts(nqns: &[&str]) -> Option<host_access::Access> {
        let nqns = nqns.iter().map(|&nqn| nqn.to_owned()).collect();
        Some(host_access::Access::Hosts(HostList { nqns }))
    }

    fn any() -> Option<host_access::Access> {
        Some(host_access::Access::AnyHost(AnyHost {}))
    }

    #[test]
    fn list() {
        let rows =
            [None, any(), hosts(&["a"]), hosts(&["a", "b"])].map(|access| VolumeView::from(volume(access)));
        let expected = "\
VOLUME  APP  POOL    SIZE  WRITTEN  BLOCK  ACCESS    CONNECTIONS  UUID
db-0    db   disk  10 GiB    4 MiB   4096  none                3  u-u
db-0    db   disk  10 GiB    4 MiB   4096  any host            3  u-u
db-0    db   disk  10 GiB    4 MiB   4096  1 host              3  u-u
db-0    db   disk  10 GiB    4 MiB   4096  2 hosts             3  u-u
";
        assert_eq!(Rows(rows.into()).text(), expected);
    }

    #[test]
    fn one() {
        let expected = "\
volume       db-0
app          db
pool         disk
size         10 GiB
provision    thin
written      4 MiB
its own      1 MiB
shared       8 MiB
origin       base@gold
created      2000-02-29T12:00:00Z
block size   4096
published    yes
hosts        nqn.a nqn.b
connections  3
uuid         u-u
nguid        00ff
nqn          nqn.2026-11.io.sluice:u-u
";
        assert_eq!(VolumeView::from(volume(hosts(&["nqn.a", "nqn.b"]))).text(), expected);
    }

    #[test]
    fn publishing_says_how_to_connect() {
        let node = "unix:/s".parse().expect("address");
        let listeners = [([192, 0, 2, 10], 4420).into(), ([192, 0, 2, 11], 4420).into()];
        let text = Published::new(volume(any()).into(), &listeners, &node).text();
        let expected = "\
db-0 is published to any host. On a host:
  nvme connect --transport=tcp --traddr=192.0.2.10 --trsvcid=4420 --nqn=nqn.2026-11.io.sluice:u-u
  nvme connect --transport=tcp --traddr=192.0.2.11 --trsvcid=4420 --nqn=nqn.2026-11.io.sluice:u-u
";
        assert_eq!(text, expected);
        let two = Published::new(volume(hosts(&["nqn.a", "nqn.b"])).into(), &listeners[..1], &node);
        assert!(two.connect[0].ends_with("--hostnqn=nqn.a") && two.connect[1].ends_with("--hostnqn=nqn.b"));
        assert_eq!(two.connect.len(), 2);
    }
}
