//! Snapshots, clones and what else thin pools can do, through the node API; and what of it all survives a restart.

use sluice_node_api::v1::{self, host_access::Access};
use sluice_node_api::{NodeClient, connect};
use sluiced::Node;
use sluiced::config::{RawConfig, RawDevice};
use tempfile::TempDir;
use tonic::{Code, Status};

const MIB: u64 = 1 << 20;

/// A node over files in a folder of its own, and a client of it.
struct Fixture {
    folder: TempDir,
    node: Node,
    client: NodeClient,
    calibration_ms: u32,
}

impl Fixture {
    async fn new(devices: &[&str]) -> Fixture {
        Fixture::calibrated(devices, 0).await
    }

    async fn calibrated(devices: &[&str], calibration_ms: u32) -> Fixture {
        let folder = tempfile::tempdir().expect("folder");
        let (node, client) = start(&folder, devices, calibration_ms, None).await;
        Fixture { folder, node, client, calibration_ms }
    }

    /// Stops the node and starts it again; from then on nothing is calibrated.
    async fn restart(self, devices: &[&str]) -> Fixture {
        let Fixture { folder, node, .. } = self;
        node.shutdown();
        let (node, client) = start(&folder, devices, 0, None).await;
        Fixture { folder, node, client, calibration_ms: 0 }
    }

    async fn create(&mut self, name: &str, pool: &str) {
        let request = v1::CreateVolumeRequest {
            name: name.into(),
            app: "shop".into(),
            size_bytes: 4 * MIB,
            pool: pool.into(),
            ..v1::CreateVolumeRequest::default()
        };
        self.client.create_volume(request).await.expect("created");
    }

    async fn snapshot(&mut self, names: &[(&str, &str)]) -> Result<Vec<v1::Snapshot>, Status> {
        let spec = |(volume, name): &(&str, &str)| v1::SnapshotSpec {
            volume: (*volume).to_owned(),
            name: (*name).to_owned(),
        };
        let request = v1::CreateSnapshotsRequest { snapshots: names.iter().map(spec).collect() };
        Ok(self.client.create_snapshots(request).await?.into_inner().snapshots)
    }

    async fn clone(&mut self, source: &str, name: &str) -> Result<v1::Volume, Status> {
        let request = v1::CloneVolumeRequest { source: source.into(), name: name.into(), app: "test".into() };
        Ok(self.client.clone_volume(request).await?.into_inner().volume.expect("a volume"))
    }

    async fn resize(&mut self, name: &str, size_bytes: u64) -> Result<v1::Volume, Status> {
        let request = v1::ResizeVolumeRequest { name: name.into(), size_bytes };
        Ok(self.client.resize_volume(request).await?.into_inner().volume.expect("a volume"))
    }

    async fn rollback(&mut self, name: &str, snapshot: &str) -> Result<v1::Volume, Status> {
        let request =
            v1::RollbackVolumeRequest { name: name.into(), snapshot: snapshot.into(), connected: false };
        Ok(self.client.rollback_volume(request).await?.into_inner().volume.expect("a volume"))
    }

    async fn delete_snapshot(&mut self, snapshot: &str) -> Result<(), Status> {
        let request = v1::DeleteSnapshotRequest { snapshot: snapshot.into() };
        self.client.delete_snapshot(request).await.map(drop)
    }

    async fn snapshots(&mut self, volume: &str) -> Result<Vec<v1::Snapshot>, Status> {
        let request = v1::ListSnapshotsRequest { volume: volume.into() };
        Ok(self.client.list_snapshots(request).await?.into_inner().snapshots)
    }

    async fn volumes(&mut self) -> Vec<v1::Volume> {
        let request = v1::ListVolumesRequest::default();
        self.client.list_volumes(request).await.expect("a list").into_inner().volumes
    }

    async fn changes(&mut self, older: &str, newer: &str) -> Result<(u64, u64), Status> {
        let request = v1::ListChangedBlocksRequest { older: older.into(), newer: newer.into() };
        let mut parts = self.client.list_changed_blocks(request).await?.into_inner();
        let (mut changed, mut told) = (0, 0);
        while let Some(part) = parts.message().await? {
            assert!(part.told_bytes >= told && part.size_bytes == 4 * MIB, "{part:?}");
            told = part.told_bytes;
            changed += part.extents.iter().map(|extent| extent.length_bytes).sum::<u64>();
        }
        Ok((changed, told))
    }

    async fn apps(&mut self) -> Vec<v1::App> {
        self.client.list_apps(v1::ListAppsRequest::default()).await.expect("a list").into_inner().apps
    }

    async fn guaranteed_iops(&mut self) -> Option<u64> {
        let stats = self.client.get_stats(v1::GetStatsRequest::default()).await.expect("stats");
        stats.into_inner().schedulers[0].guaranteed_iops
    }
}

async fn start(
    folder: &TempDir,
    devices: &[&str],
    calibration_ms: u32,
    pool: Option<&str>,
) -> (Node, NodeClient) {
    let mut raw = RawConfig::default();
    raw.qos.calibration_ms = calibration_ms;
    raw.api.listen = format!("unix:{}", folder.path().join("api").display());
    raw.nvme_tcp.listen = vec!["127.0.0.1:0".to_owned()];
    let device = |name: &&str| RawDevice {
        name: (*name).to_owned(),
        uri: format!("file:{}", folder.path().join(name).display()),
        size: Some(sluice_node_api::Size::mib(64)),
        pool: pool.map(str::to_owned),
        ..RawDevice::default()
    };
    raw.device = devices.iter().map(device).collect();
    let node = Node::start(raw.resolve().expect("a valid configuration")).expect("the node starts");
    let client = connect(node.api_address()).await.expect("the API answers");
    (node, client)
}

fn code<T: std::fmt::Debug>(result: Result<T, Status>) -> Code {
    result.expect_err("refused").code()
}

#[tokio::test]
async fn snapshots_clones_and_sizes_survive_a_restart() {
    let mut node = Fixture::new(&["disk"]).await;
    node.create("db", "").await;
    let taken = node.snapshot(&[("db", "monday")]).await.expect("taken");
    assert_eq!(
        (taken[0].volume.as_str(), taken[0].pool.as_str(), taken[0].size_bytes),
        ("db", "disk", 4 * MIB)
    );
    let again = node.snapshot(&[("db", "monday")]).await.expect("there already");
    assert_eq!(taken, again);
    let copy = node.clone("db@monday", "copy").await.expect("cloned");
    assert_eq!((copy.origin.as_str(), copy.app.as_str(), copy.thick), ("db@monday", "test", false));
    assert_eq!(node.clone("db@monday", "copy").await.expect("there already").uuid, copy.uuid);
    assert_eq!(node.resize("db", 8 * MIB).await.expect("grown").size_bytes, 8 * MIB);
    assert_eq!(
        node.rollback("db", "monday").await.expect("rolled back").size_bytes,
        8 * MIB,
        "it keeps its size"
    );
    let before = (node.volumes().await, node.snapshots("").await.expect("a list"));

    let mut node = node.restart(&["disk"]).await;
    assert_eq!((node.volumes().await, node.snapshots("").await.expect("a list")), before);
    assert_eq!(node.changes("", "db@monday").await.expect("told"), (0, 4 * MIB), "nothing was written");
    node.delete_snapshot("db@monday").await.expect("deleted");
    assert_eq!(node.snapshots("db").await.expect("a list"), []);
}

#[tokio::test]
async fn each_wrong_request_has_its_code() {
    let mut node = Fixture::new(&["a", "b"]).await;
    node.create("one", "a").await;
    node.create("two", "b").await;
    node.snapshot(&[("one", "s")]).await.expect("taken");
    node.snapshot(&[("two", "s")]).await.expect("taken");
    node.clone("two@s", "copy").await.expect("cloned");
    assert_eq!(code(node.snapshot(&[]).await), Code::InvalidArgument);
    assert_eq!(code(node.snapshot(&[("one", "No")]).await), Code::InvalidArgument);
    assert_eq!(code(node.snapshot(&[("none", "s")]).await), Code::NotFound);
    assert_eq!(code(node.snapshot(&[("one", "t"), ("two", "t")]).await), Code::FailedPrecondition);
    assert_eq!(code(node.snapshot(&[("one", "t"), ("one", "u")]).await), Code::Aborted);
    assert_eq!(code(node.clone("none@s", "x").await), Code::NotFound);
    assert_eq!(code(node.clone("one@none", "x").await), Code::NotFound);
    assert_eq!(code(node.clone("one@s", "No").await), Code::InvalidArgument);
    assert_eq!(code(node.clone("one@s", "copy").await), Code::AlreadyExists);
    assert_eq!(code(node.clone("one@s", "two").await), Code::AlreadyExists);
    assert_eq!(code(node.resize("one", MIB).await), Code::InvalidArgument);
    assert_eq!(code(node.resize("one", 4 * MIB + 1).await), Code::InvalidArgument);
    assert_eq!(code(node.resize("one", 1 << 50).await), Code::InvalidArgument);
    assert_eq!(code(node.resize("none", 8 * MIB).await), Code::NotFound);
    assert_eq!(code(node.rollback("one", "none").await), Code::NotFound);
    assert_eq!(code(node.rollback("copy", "s").await), Code::NotFound);
    assert_eq!(code(node.delete_snapshot("one@none").await), Code::NotFound);
    assert_eq!(code(node.delete_snapshot("one").await), Code::NotFound);
    assert_eq!(code(node.snapshots("none").await), Code::NotFound);
    assert_eq!(code(node.changes("", "none@s").await), Code::NotFound);
    assert_eq!(code(node.changes("one@s", "two@s").await), Code::NotFound, "they share no pool");
    assert_eq!(code(node.changes("one@s", "one").await), Code::FailedPrecondition);
    let uuid = node.snapshots("two").await.expect("a list")[0].uuid.clone();
    assert_eq!(code(node.rollback("copy", &uuid).await), Code::FailedPrecondition, "another volume's");
}

#[tokio::test]
async fn what_applications_are_promised_survives_a_restart() {
    let mut node = Fixture::new(&["disk"]).await;
    node.create("db", "").await;
    let qos = v1::AppQos {
        max_iops: Some(500),
        burst_iops: Some(900),
        burst_credit_s: 2,
        weight: 200,
        max_bytes_per_s: Some(1 << 30),
        ..v1::AppQos::default()
    };
    let labels: std::collections::HashMap<_, _> = [("team".to_owned(), "web".to_owned())].into();
    let request = |name: &str| v1::SetAppRequest {
        name: name.into(),
        labels: labels.clone(),
        qos: Some(qos),
        ..v1::SetAppRequest::default()
    };
    for name in ["shop", "idle", "gone"] {
        node.client.set_app(request(name)).await.expect("set");
    }
    let remove = v1::RemoveAppRequest { name: "gone".into(), ..v1::RemoveAppRequest::default() };
    node.client.remove_app(remove).await.expect("removed");
    let lease = v1::LeaseAppRequest {
        name: "shop".into(),
        max_iops: Some(800),
        seconds: 600,
        ..v1::LeaseAppRequest::default()
    };
    node.client.lease_app(lease).await.expect("leased");

    let mut node = node.restart(&["disk"]).await;
    let apps = node.apps().await;
    assert_eq!(apps.iter().map(|app| app.name.as_str()).collect::<Vec<_>>(), ["idle", "shop", "system"]);
    for app in &apps[..2] {
        assert_eq!(
            (app.set, app.qos, app.in_force),
            (true, Some(qos), Some(qos)),
            "no lease outlives its node"
        );
        assert_eq!(app.labels, labels);
    }
    assert_eq!((apps[0].volumes, apps[1].volumes), (0, 1));
}

/// What calibration finds depends on the machine; that it is kept does not.
#[tokio::test]
async fn what_a_device_was_found_to_do_survives_a_restart() {
    let mut node = Fixture::calibrated(&["disk"], 20).await;
    assert_eq!(node.calibration_ms, 20);
    let found = node.guaranteed_iops().await;
    let qos = found
        .map(|iops| v1::AppQos { min_iops: u32::try_from(iops / 2).expect("less"), ..v1::AppQos::default() });
    let request = v1::SetAppRequest { name: "shop".into(), qos, ..v1::SetAppRequest::default() };
    node.client.set_app(request).await.expect("half of it can be promised");
    let mut node = node.restart(&["disk"]).await;
    assert_eq!(node.guaranteed_iops().await, found);
    let shop = node.apps().await.remove(0);
    assert_eq!(shop.in_force.map(|qos| qos.min_iops), Some(qos.unwrap_or_default().min_iops));
}

#[tokio::test]
async fn another_pool_than_the_configured_one_is_left_alone() {
    let folder = tempfile::tempdir().expect("folder");
    let uuid = "9c7bb7a2-6f2e-4d6c-8a4e-0d5f0f1c2b3a";
    let pools = |mut client: NodeClient| async move {
        client.list_pools(v1::ListPoolsRequest {}).await.expect("a list").into_inner().pools
    };
    let (node, client) = start(&folder, &["disk"], 0, Some(uuid)).await;
    assert_eq!(pools(client).await[0].uuid, uuid, "a new pool gets it");
    node.shutdown();
    let (node, client) = start(&folder, &["disk"], 0, Some(uuid)).await;
    assert_eq!(pools(client).await.len(), 1);
    node.shutdown();
    let (node, mut client) = start(&folder, &["disk"], 0, Some("9c7bb7a2-6f2e-4d6c-8a4e-0d5f0f1c2b3b")).await;
    let devices = client.list_devices(v1::ListDevicesRequest {}).await.expect("a list").into_inner().devices;
    assert_eq!(devices[0].state(), v1::DeviceState::Idle);
    assert!(devices[0].reason.contains(uuid), "{}", devices[0].reason);
    node.shutdown();
}

#[tokio::test]
async fn a_published_volume_that_nobody_has_is_rolled_back() {
    let mut node = Fixture::new(&["disk"]).await;
    node.create("db", "").await;
    let access = Some(v1::HostAccess { access: Some(Access::AnyHost(v1::AnyHost {})) });
    let publish = v1::PublishVolumeRequest { name: "db".into(), access };
    node.client.publish_volume(publish).await.expect("published");
    node.snapshot(&[("db", "s")]).await.expect("taken");
    assert!(node.rollback("db", "s").await.expect("nobody is connected").published);
    let delete = v1::DeleteVolumeRequest { name: "db".into() };
    assert_eq!(code(node.client.delete_volume(delete).await), Code::FailedPrecondition);
}
