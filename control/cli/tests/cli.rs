//! The program `sluice` against a real node: what it prints, and the exit codes its help promises.

use std::process::{Command, Output};

use serde_json::Value;
use sluiced::Node;
use sluiced::config::{RawConfig, RawDevice};
use tempfile::TempDir;

/// A node with a memory device, in this process.
struct Fixture {
    node: Node,
    _folder: TempDir,
}

impl Fixture {
    fn new() -> Fixture {
        let folder = tempfile::tempdir().expect("folder");
        let mut raw = RawConfig::default();
        raw.qos.calibration_ms = 0;
        raw.api.listen = format!("unix:{}", folder.path().join("api").display());
        raw.nvme_tcp.listen = vec!["127.0.0.1:0".to_owned()];
        let uri = "memory:64MiB".to_owned();
        raw.device =
            vec![RawDevice { name: "disk".to_owned(), uri, block_size: Some(512), ..RawDevice::default() }];
        let node = Node::start(raw.resolve().expect("valid")).expect("the node starts");
        Fixture { node, _folder: folder }
    }

    fn sluice(&self, line: &str) -> Output {
        let address = self.node.api_address().to_string();
        sluice(&["--node", &address], line)
    }

    fn table(&self, line: &str) -> String {
        let output = self.sluice(line);
        assert!(output.status.success(), "{line}: {}", stderr(&output));
        String::from_utf8(output.stdout).expect("text")
    }

    fn json(&self, line: &str) -> Value {
        let text = self.table(&format!("{line} --output json"));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{line}: {error} in {text}"))
    }

    fn fails(&self, line: &str, code: i32) -> String {
        let output = self.sluice(line);
        assert_eq!(output.status.code(), Some(code), "{line}: {}", stderr(&output));
        assert!(output.stdout.is_empty(), "{line}: {}", String::from_utf8_lossy(&output.stdout));
        stderr(&output)
    }
}

fn sluice(first: &[&str], line: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluice"));
    command.args(first).args(line.split_whitespace()).env_remove("SLUICE_NODE").output().expect("sluice runs")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_volume_from_creation_to_deletion() {
    let node = Fixture::new();
    let created = node.json("volume create db-0 --app shop --size 4MiB --block-size 512");
    assert_eq!(
        (created["size_bytes"].as_u64(), created["block_size_bytes"].as_u64()),
        (Some(4 << 20), Some(512))
    );
    let table = node.table("volume list");
    assert!(table.contains("db-0    shop  disk  4 MiB      0 B    512  none"), "{table}");

    let published = node.json("volume publish db-0 --any-host");
    let address = node.node.nvme_tcp_addresses()[0];
    let connect = format!(
        "nvme connect --transport=tcp --traddr={} --trsvcid={} --nqn={}",
        address.ip(),
        address.port(),
        created["nqn"].as_str().expect("an NQN")
    );
    assert_eq!(published["connect"][0], connect.as_str());
    assert_eq!(node.json("volume show db-0")["any_host"], true);
    assert_eq!(node.json("connection list"), Value::Array(Vec::new()));

    assert!(node.table("stats --volume db-0").contains("db-0    shop  read"));
    assert_eq!(node.json("volume unpublish db-0")["published"], false);
    assert_eq!(node.json("volume delete db-0")["deleted"], "db-0");
    assert_eq!(node.json("volume list"), Value::Array(Vec::new()));
}

#[test]
fn snapshots_clones_and_the_way_back() {
    let node = Fixture::new();
    node.table("volume create db-0 --app shop --size 4MiB");
    node.table("volume create db-1 --app shop --size 4MiB --thick");
    assert_eq!(node.json("volume show db-1")["thick"], true);
    let taken = node.json("snapshot create db-0@monday db-1@monday");
    assert_eq!((&taken[0]["name"], &taken[1]["volume"]), (&Value::from("monday"), &Value::from("db-1")));
    assert_eq!(node.json("snapshot list").as_array().map(Vec::len), Some(2));
    assert!(node.table("snapshot list db-0").contains("db-0@monday"));
    assert_eq!(node.json("volume clone db-0@monday copy --app test")["origin"], "db-0@monday");
    assert_eq!(node.json("volume resize db-0 --size 8MiB")["size_bytes"], 8 << 20);
    assert_eq!(node.json("volume rollback db-0@monday")["name"], "db-0");
    assert!(node.table("snapshot changes db-0@monday").starts_with("OFFSET"));
    assert_eq!(node.json("snapshot delete db-0@monday --wait")["deleted"], "db-0@monday");
    assert_eq!(node.json("volume delete copy --wait")["deleted"], "copy");
    let pool = node.json("pool show disk");
    assert_eq!((&pool["space"], &pool["snapshots"]), (&Value::from("ample"), &Value::from(1)));
    assert!(pool["promised_bytes"].as_u64() == Some(4 << 20) && pool["suspended"].is_null(), "{pool}");

    assert!(node.fails("volume resize db-0 --size 4MiB", 2).contains("cannot shrink"));
    assert!(node.fails("volume rollback db-0@none", 4).contains("snapshot list"));
    assert!(node.fails("snapshot delete db-0@none", 4).contains("db-0@none"));
    assert!(node.fails("volume clone none copy --app test", 4).contains("none"));
    assert!(node.fails("pool show none", 4).contains("pool list"));
    assert!(node.fails("volume clone db-1@monday db-0 --app test", 5).contains("db-0"));
    assert!(node.fails("snapshot changes db-0", 5).contains("take a snapshot"));
}

#[test]
fn the_node_its_devices_and_pools() {
    let node = Fixture::new();
    assert_eq!(node.json("node")["reactors"][0]["device"], "disk");
    assert_eq!(node.json("device list")[0]["info"]["kind"], "memory");
    assert_eq!(node.json("pool create disk")[0]["name"], "disk");
    assert!(node.table("pool list").starts_with("POOL"));
}

#[test]
fn exit_codes_are_those_of_the_help() {
    let node = Fixture::new();
    node.table("volume create db-0 --app shop --size 4MiB");
    node.fails("volume create db-0 --app shop --size 4GB", 2);
    assert!(node.fails("volume create DB --app shop --size 4MiB", 2).contains("DB"));
    assert!(node.fails("volume show none", 4).contains("sluice volume list"));
    assert!(node.fails("volume create db-0 --app shop --size 8MiB", 5).contains("4MiB, not 8MiB"));
    node.table("volume publish db-0 --any-host");
    assert!(node.fails("volume delete db-0", 5).contains("unpublish"));
    assert!(node.fails("volume create big --app shop --size 1GiB --thick", 6).contains("bytes are needed"));

    let output = sluice(&["--node", "unix:/nowhere/api"], "node");
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).contains("cannot reach a node at unix:/nowhere/api"), "{}", stderr(&output));
    assert_eq!(sluice(&[], "volume").status.code(), Some(2));
}

#[test]
fn completions_need_no_node() {
    let output = sluice(&[], "completion bash");
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("_sluice"));
}
