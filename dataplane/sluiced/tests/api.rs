//! The node API against a real node: reactors, pools and the gRPC server, in this process.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use sluice_node_api::v1::{self, host_access::Access};
use sluice_node_api::{NodeClient, connect};
use sluiced::Node;
use sluiced::config::{RawConfig, RawDevice};
use tempfile::TempDir;
use tonic::{Code, Status};

const MIB: u64 = 1 << 20;

/// A node in a folder of its own, and a client of it.
struct Fixture {
    folder: TempDir,
    node: Node,
    client: NodeClient,
}

impl Fixture {
    async fn new(devices: &[RawDevice]) -> Fixture {
        Fixture::in_folder(tempfile::tempdir().expect("folder"), devices).await
    }

    async fn in_folder(folder: TempDir, devices: &[RawDevice]) -> Fixture {
        let mut raw = RawConfig::default();
        raw.qos.calibration_ms = 0;
        raw.node.name = "test".to_owned();
        raw.api.listen = format!("unix:{}", folder.path().join("api").display());
        raw.nvme_tcp.listen = vec!["127.0.0.1:0".to_owned()];
        raw.metrics.listen = "127.0.0.1:0".to_owned();
        raw.device = devices.to_vec();
        let node = Node::start(raw.resolve().expect("a valid configuration")).expect("the node starts");
        let client = connect(node.api_address()).await.expect("the API answers");
        Fixture { folder, node, client }
    }

    async fn create(&mut self, request: v1::CreateVolumeRequest) -> Result<v1::Volume, Status> {
        let answer = self.client.create_volume(request).await?.into_inner();
        Ok(answer.volume.expect("an answer has a volume"))
    }

    async fn publish(&mut self, name: &str, access: Option<Access>) -> Result<v1::Volume, Status> {
        let access = access.map(|access| v1::HostAccess { access: Some(access) });
        let request = v1::PublishVolumeRequest { name: name.to_owned(), access };
        let answer = self.client.publish_volume(request).await?.into_inner();
        Ok(answer.volume.expect("an answer has a volume"))
    }

    async fn unpublish(&mut self, name: &str) -> Result<v1::Volume, Status> {
        let request = v1::UnpublishVolumeRequest { name: name.to_owned() };
        let answer = self.client.unpublish_volume(request).await?.into_inner();
        Ok(answer.volume.expect("an answer has a volume"))
    }

    async fn delete(&mut self, name: &str) -> Result<(), Status> {
        let request = v1::DeleteVolumeRequest { name: name.to_owned() };
        self.client.delete_volume(request).await.map(drop)
    }

    async fn volumes(&mut self) -> Vec<v1::Volume> {
        let request = v1::ListVolumesRequest { app: String::new() };
        self.client.list_volumes(request).await.expect("a list").into_inner().volumes
    }

    async fn devices(&mut self) -> Vec<v1::Device> {
        self.client.list_devices(v1::ListDevicesRequest {}).await.expect("a list").into_inner().devices
    }

    async fn create_pool(&mut self, device: &str, force: bool) -> Result<v1::Pool, Status> {
        let request = v1::CreatePoolRequest { device: device.to_owned(), force };
        let answer = self.client.create_pool(request).await?.into_inner();
        Ok(answer.pool.expect("an answer has a pool"))
    }
}

fn memory(name: &str) -> RawDevice {
    RawDevice {
        name: name.to_owned(),
        uri: "memory:64MiB".to_owned(),
        block_size: Some(512),
        ..RawDevice::default()
    }
}

fn file(name: &str, path: &Path) -> RawDevice {
    let uri = format!("file:{}", path.display());
    let size = Some(sluice_node_api::Size::mib(64));
    RawDevice { name: name.to_owned(), uri, size, ..RawDevice::default() }
}

fn spec(name: &str) -> v1::CreateVolumeRequest {
    v1::CreateVolumeRequest {
        name: name.to_owned(),
        app: "shop".to_owned(),
        size_bytes: 4 * MIB,
        block_size: 4096,
        pool: String::new(),
        thick: false,
    }
}

fn any() -> Option<Access> {
    Some(Access::AnyHost(v1::AnyHost {}))
}

fn hosts(nqns: &[&str]) -> Option<Access> {
    Some(Access::Hosts(v1::HostList { nqns: nqns.iter().map(|&nqn| nqn.to_owned()).collect() }))
}

fn code<T: std::fmt::Debug>(result: Result<T, Status>) -> Code {
    result.expect_err("refused").code()
}

#[tokio::test]
async fn a_volume_lives_and_dies() {
    let mut node = Fixture::new(&[memory("disk")]).await;
    let created = node.create(spec("db-0")).await.expect("created");
    assert_eq!((created.pool.as_str(), created.size_bytes, created.published), ("disk", 4 * MIB, false));
    assert_eq!(created.nqn, format!("nqn.2026-11.io.sluice:{}", created.uuid));
    assert_eq!(created.nguid, created.uuid.replace('-', ""));
    assert_eq!(node.create(spec("db-0")).await.expect("the same again"), created);

    let published = node.publish("db-0", any()).await.expect("published");
    assert!(published.published);
    assert_eq!(node.publish("db-0", any()).await.expect("again"), published);
    assert_eq!(code(node.delete("db-0").await), Code::FailedPrecondition);

    let narrowed = node.publish("db-0", hosts(&["nqn.2020-01.com.example:a"])).await.expect("narrowed");
    let access = narrowed.access.and_then(|access| access.access);
    assert_eq!(access, hosts(&["nqn.2020-01.com.example:a"]));

    assert!(!node.unpublish("db-0").await.expect("unpublished").published);
    assert!(node.unpublish("db-0").await.expect("again").access.is_none());
    node.delete("db-0").await.expect("deleted");
    assert_eq!(code(node.delete("db-0").await), Code::NotFound);
    assert_eq!(node.volumes().await, []);
}

#[tokio::test]
async fn an_existing_name_tells_all_that_differs() {
    let mut node = Fixture::new(&[memory("disk")]).await;
    node.create(spec("db-0")).await.expect("created");
    let other =
        v1::CreateVolumeRequest { app: "web".into(), size_bytes: 8 * MIB, block_size: 512, ..spec("db-0") };
    let error = node.create(other).await.expect_err("another volume");
    assert_eq!(error.code(), Code::AlreadyExists);
    let differs = "its app is shop, not web, its size is 4MiB, not 8MiB, its block size is 4096, not 512:";
    assert!(error.message().contains(differs), "{error}");
}

#[tokio::test]
async fn wrong_requests_are_refused_with_a_reason() {
    let mut node = Fixture::new(&[memory("disk")]).await;
    node.create(spec("db-0")).await.expect("created");
    let table = [
        (v1::CreateVolumeRequest { name: "Upper".into(), ..spec("") }, Code::InvalidArgument, "Upper"),
        (v1::CreateVolumeRequest { app: String::new(), ..spec("a") }, Code::InvalidArgument, "application"),
        (v1::CreateVolumeRequest { size_bytes: 0, ..spec("a") }, Code::InvalidArgument, "0 bytes"),
        (v1::CreateVolumeRequest { size_bytes: 4097, ..spec("a") }, Code::InvalidArgument, "4097"),
        (v1::CreateVolumeRequest { block_size: 1024, ..spec("a") }, Code::InvalidArgument, "512 or 4096"),
        (v1::CreateVolumeRequest { pool: "none".into(), ..spec("a") }, Code::NotFound, "disk"),
        (
            v1::CreateVolumeRequest { size_bytes: 64 * MIB, thick: true, ..spec("a") },
            Code::ResourceExhausted,
            "bytes are needed",
        ),
    ];
    for (request, code, says) in table {
        let error = node.create(request.clone()).await.expect_err("refused");
        assert_eq!(error.code(), code, "{request:?}: {error}");
        assert!(error.message().contains(says), "{request:?}: {error}");
    }
    assert_eq!(code(node.publish("db-0", None).await), Code::InvalidArgument);
    assert_eq!(code(node.publish("db-0", hosts(&[])).await), Code::InvalidArgument);
    assert_eq!(code(node.publish("db-0", hosts(&["no-nqn"])).await), Code::InvalidArgument);
    assert_eq!(code(node.publish("db-0", hosts(&["nqn.a"; 9])).await), Code::InvalidArgument);
    assert_eq!(code(node.publish("none", any()).await), Code::NotFound);
    assert_eq!(code(node.unpublish("none").await), Code::NotFound);
    let request = v1::GetVolumeRequest { name: "none".into() };
    assert_eq!(code(node.client.get_volume(request).await), Code::NotFound);
    let request = v1::GetStatsRequest { volume: "none".into() };
    assert_eq!(code(node.client.get_stats(request).await), Code::NotFound);
}

#[tokio::test]
async fn names_are_unique_over_the_pools() {
    let mut node = Fixture::new(&[memory("b"), memory("a")]).await;
    let error = node.create(spec("db-0")).await.expect_err("which pool?");
    assert_eq!(error.code(), Code::InvalidArgument);
    assert!(error.message().contains("a, b"), "{error}");
    let in_a = v1::CreateVolumeRequest { pool: "a".into(), ..spec("db-0") };
    let created = node.create(in_a).await.expect("created");
    assert_eq!(node.create(spec("db-0")).await.expect("found without its pool"), created);
    let in_b = v1::CreateVolumeRequest { pool: "b".into(), ..spec("db-0") };
    let error = node.create(in_b).await.expect_err("the name is taken");
    assert_eq!(error.code(), Code::AlreadyExists);
    assert!(error.message().contains("its pool is a, not b"), "{error}");
    node.create(v1::CreateVolumeRequest { pool: "b".into(), ..spec("a-1") }).await.expect("created");
    let names: Vec<String> = node.volumes().await.into_iter().map(|volume| volume.name).collect();
    assert_eq!(names, ["a-1", "db-0"]);
}

#[tokio::test]
async fn lists_can_be_narrowed() {
    let mut node = Fixture::new(&[memory("disk")]).await;
    node.create(spec("db-0")).await.expect("created");
    node.create(v1::CreateVolumeRequest { app: "web".into(), ..spec("web-0") }).await.expect("created");
    let request = v1::ListVolumesRequest { app: "web".into() };
    let volumes = node.client.list_volumes(request).await.expect("a list").into_inner().volumes;
    assert_eq!(volumes.iter().map(|volume| volume.name.as_str()).collect::<Vec<_>>(), ["web-0"]);
    let request = v1::GetStatsRequest { volume: "db-0".into() };
    let stats = node.client.get_stats(request).await.expect("stats").into_inner();
    assert_eq!(stats.volumes.iter().map(|stats| stats.volume.as_str()).collect::<Vec<_>>(), ["db-0"]);
    assert!(stats.uptime_ns > 0 && stats.connections.is_empty());
}

#[tokio::test]
async fn the_node_tells_what_it_is() {
    let mut node = Fixture::new(&[memory("disk")]).await;
    let told = node.client.get_node(v1::GetNodeRequest {}).await.expect("told").into_inner();
    assert_eq!((told.name.as_str(), told.version.as_str()), ("test", env!("CARGO_PKG_VERSION")));
    assert_eq!(told.nvme_tcp_listeners, [node.node.nvme_tcp_addresses()[0].to_string()]);
    assert!(!told.nvme_tcp_listeners[0].ends_with(":0"));
    assert_eq!((told.polling(), told.spin_us), (v1::Polling::Adaptive, 50));
    assert_eq!(told.reactors.len(), 1);

    let devices = node.devices().await;
    let info = devices[0].info.clone().expect("a served device is known");
    assert_eq!((info.kind.as_str(), info.block_size, info.size_bytes), ("memory", 512, 64 * MIB));
    assert_eq!((devices[0].uri.as_str(), devices[0].state()), ("memory:64MiB", v1::DeviceState::Pool));

    let pools = node.client.list_pools(v1::ListPoolsRequest {}).await.expect("a list").into_inner().pools;
    let pool = &pools[0];
    assert_eq!((pool.name.as_str(), pool.volumes, pool.free_bytes), ("disk", 0, pool.capacity_bytes));
    assert!(pool.capacity_bytes < 64 * MIB && pool.level() == v1::SpaceLevel::Ample);
}

#[tokio::test]
async fn what_is_published_survives_a_restart() {
    let folder = tempfile::tempdir().expect("folder");
    let device = file("disk", &folder.path().join("disk"));
    let mut node = Fixture::in_folder(folder, std::slice::from_ref(&device)).await;
    node.create(spec("db-0")).await.expect("created");
    node.create(spec("db-1")).await.expect("created");
    node.publish("db-0", hosts(&["nqn.2020-01.com.example:a"])).await.expect("published");
    let before = node.volumes().await;
    let Fixture { folder, node, .. } = node;
    node.shutdown();
    assert!(!folder.path().join("api").exists(), "the socket is gone");

    let mut node = Fixture::in_folder(folder, &[device]).await;
    assert_eq!(node.volumes().await, before);
}

#[tokio::test]
async fn a_device_is_formatted_when_told() {
    let mut never = memory("disk");
    never.format = "never".to_owned();
    let mut node = Fixture::new(&[never]).await;
    let devices = node.devices().await;
    assert_eq!(devices[0].state(), v1::DeviceState::Idle);
    assert!(devices[0].reason.contains("format"), "{devices:?}");
    assert_eq!(code(node.create(spec("db-0")).await), Code::FailedPrecondition);
    assert_eq!(code(node.create_pool("none", false).await), Code::NotFound);

    let pool = node.create_pool("disk", false).await.expect("formatted");
    node.create(spec("db-0")).await.expect("created");
    let again = node.create_pool("disk", true).await.expect("there already");
    assert_eq!((again.uuid, again.volumes), (pool.uuid, 1));
}

#[tokio::test]
async fn foreign_data_are_overwritten_by_force_only() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("disk");
    fs::write(&path, vec![0xa5; 64 << 20]).expect("written");
    let mut node = Fixture::in_folder(folder, &[file("disk", &path), memory("other")]).await;
    let devices = node.devices().await;
    assert_eq!(devices[0].state(), v1::DeviceState::Idle, "{devices:?}");
    assert_eq!(devices[1].state(), v1::DeviceState::Pool, "the other device is served all the same");
    let error = node.create_pool("disk", false).await.expect_err("refused");
    assert_eq!(error.code(), Code::FailedPrecondition);
    assert!(error.message().contains("force"), "{error}");
    assert_eq!(fs::read(&path).expect("read")[..4096], [0xa5; 4096]);
    node.create_pool("disk", true).await.expect("formatted");
    assert_eq!(node.devices().await[0].state(), v1::DeviceState::Pool);
}

#[tokio::test]
async fn a_device_that_does_not_open_is_listed_with_its_reason() {
    let folder = tempfile::tempdir().expect("folder");
    let mut missing = file("disk", &folder.path().join("none"));
    missing.size = None;
    let mut node = Fixture::in_folder(folder, &[missing]).await;
    let devices = node.devices().await;
    assert!(devices[0].reason.contains("does not exist"), "{devices:?}");
    assert_eq!(code(node.create_pool("disk", true).await), Code::FailedPrecondition);
}

/// One HTTP request, answered with the connection's end.
#[tokio::test]
async fn only_drives_in_user_space_are_erased() {
    let mut node = Fixture::new(&[memory("disk")]).await;
    let format = Some(v1::erase_device_request::Erase::Format(v1::FormatDrive::default()));
    let mut erase = async |device: &str, erase| {
        let request = v1::EraseDeviceRequest { device: device.to_owned(), erase, force: true };
        node.client.erase_device(request).await.expect_err("refused")
    };
    assert_eq!(erase("other", format).await.code(), Code::NotFound);
    assert_eq!(erase("disk", None).await.code(), Code::InvalidArgument);
    let refusal = erase("disk", format).await;
    assert_eq!(refusal.code(), Code::InvalidArgument, "{refusal}");
    assert!(refusal.message().starts_with("memory:64MiB is not an NVMe drive in user space"), "{refusal}");
    let devices = node.devices().await;
    assert_eq!(devices[0].state(), v1::DeviceState::Pool, "it is served as before");
    assert!(devices[0].counts.is_none() && devices[0].events.is_empty());
    node.create(spec("db")).await.expect("created");
    let request = v1::EraseDeviceRequest { device: "disk".to_owned(), erase: format, force: true };
    let refusal = node.client.erase_device(request).await.expect_err("refused");
    assert_eq!(
        (refusal.code(), refusal.message().contains("(1)")),
        (Code::FailedPrecondition, true),
        "{refusal}"
    );
}

fn http(address: std::net::SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("metrics are served");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n").expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer of text");
    answer
}

#[tokio::test]
async fn metrics_are_served_to_whoever_asks() {
    let mut fixture = Fixture::new(&[memory("disk")]).await;
    fixture.create(spec("db")).await.expect("created");
    fixture.publish("db", any()).await.expect("published");
    let address = fixture.node.metrics_address().expect("configured");
    let get = |path: &'static str| tokio::task::spawn_blocking(move || http(address, path));
    let answer = get("/metrics").await.expect("asked");
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.contains("application/openmetrics-text"), "{answer}");
    assert!(answer.contains("sluice_pool_volumes{pool=\"disk\"} 1"), "{answer}");
    assert!(answer.contains("sluice_volume_ios_total{volume=\"db\",app=\"shop\",op=\"read\"} 0"), "{answer}");
    assert!(answer.trim_end().ends_with("# EOF"), "{answer}");
    assert!(get("/").await.expect("asked").starts_with("HTTP/1.1 404"));
}

#[tokio::test]
async fn applications_are_set_listed_leased_and_removed() {
    let mut fixture = Fixture::new(&[memory("disk")]).await;
    fixture.create(spec("db")).await.expect("created");
    let qos = v1::AppQos { max_iops: Some(500), weight: 200, ..v1::AppQos::default() };
    let labels = [("team".to_owned(), "web".to_owned())].into();
    let request = v1::SetAppRequest { name: "shop".into(), pool: String::new(), labels, qos: Some(qos) };
    for _ in 0..2 {
        let app =
            fixture.client.set_app(request.clone()).await.expect("set").into_inner().app.expect("there");
        assert_eq!((app.set, app.qos, app.in_force, app.volumes), (true, Some(qos), Some(qos), 1));
    }
    let lease = v1::LeaseAppRequest {
        name: "shop".into(),
        max_iops: Some(900),
        seconds: 60,
        ..v1::LeaseAppRequest::default()
    };
    let app = fixture.client.lease_app(lease.clone()).await.expect("leased").into_inner().app.expect("there");
    assert_eq!(app.in_force.and_then(|qos| qos.max_iops), Some(900));
    assert!(app.lease_remaining_ns.is_some_and(|left| left <= 60_000_000_000));
    let end = v1::EndLeaseRequest { name: "shop".into(), pool: String::new() };
    let app = fixture.client.end_lease(end).await.expect("ended").into_inner().app.expect("there");
    assert_eq!((app.in_force, app.lease_remaining_ns), (Some(qos), None));
    let listed = fixture.client.list_apps(v1::ListAppsRequest { name: String::new() }).await.expect("listed");
    let names: Vec<String> = listed.into_inner().apps.into_iter().map(|app| app.name).collect();
    assert_eq!(names, ["shop", "system"]);
    let stats = fixture.client.get_stats(v1::GetStatsRequest::default()).await.expect("stats").into_inner();
    assert_eq!((stats.apps.len(), stats.schedulers.len()), (2, 1));
    let remove = v1::RemoveAppRequest { name: "shop".into(), pool: String::new() };
    assert_eq!(code(fixture.client.remove_app(remove.clone()).await), Code::FailedPrecondition);
    fixture.delete("db").await.expect("deleted");
    fixture.client.remove_app(remove.clone()).await.expect("removed");
    fixture.client.remove_app(remove).await.expect("removed again");
    assert_eq!(code(fixture.client.lease_app(lease).await), Code::NotFound);
}

#[tokio::test]
async fn qos_that_cannot_be_is_refused() {
    let mut fixture = Fixture::new(&[memory("disk")]).await;
    let with =
        |qos| v1::SetAppRequest { name: "shop".into(), qos: Some(qos), ..v1::SetAppRequest::default() };
    let default = v1::AppQos::default();
    let table = [
        (v1::AppQos { weight: 1001, ..default }, Code::InvalidArgument),
        (v1::AppQos { max_iops: Some(9), ..default }, Code::InvalidArgument),
        (v1::AppQos { burst_credit_s: 5, ..default }, Code::InvalidArgument),
        (v1::AppQos { min_iops: 20, max_iops: Some(10), ..default }, Code::InvalidArgument),
        (v1::AppQos { min_iops: 1, ..default }, Code::ResourceExhausted),
    ];
    for (qos, expected) in table {
        assert_eq!(code(fixture.client.set_app(with(qos)).await), expected, "{qos:?}");
    }
    let no_name = v1::SetAppRequest::default();
    assert_eq!(code(fixture.client.set_app(no_name).await), Code::InvalidArgument);
    let no_pool = v1::SetAppRequest { pool: "other".into(), ..with(default) };
    assert_eq!(code(fixture.client.set_app(no_pool).await), Code::NotFound);
    for seconds in [0, 2_592_001] {
        let lease = v1::LeaseAppRequest { name: "shop".into(), seconds, ..v1::LeaseAppRequest::default() };
        assert_eq!(code(fixture.client.lease_app(lease).await), Code::InvalidArgument);
    }
}
