//! The program `sluiced`: its options, its ready file and its signals.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use sluice_node_api::v1::GetNodeRequest;
use sluice_node_api::{ApiAddress, connect};

/// Far longer than a healthy daemon takes for anything here.
const PATIENCE: Duration = Duration::from_secs(30);

fn sluiced(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sluiced")).args(arguments).output().expect("sluiced runs")
}

fn write_config(folder: &Path, extra: &str) -> String {
    let path = folder.join("sluiced.toml");
    let text = format!(
        "[node]\nready_file = '{0}/ready'\n[api]\nlisten = 'unix:{0}/api'\n[qos]\ncalibration_ms = 0\n[nvme_tcp]\nlisten = ['127.0.0.1:0']\n\
         [[device]]\nname = 'disk'\nuri = 'memory:64MiB'\n{extra}",
        folder.display()
    );
    fs::write(&path, text).expect("written");
    path.to_str().expect("a path of text").to_owned()
}

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn signal(daemon: &Child, signal: Signal) {
    let id = i32::try_from(daemon.id()).ok().and_then(Pid::from_raw).expect("a process ID");
    kill_process(id, signal).expect("signalled");
}

#[test]
fn the_default_configuration_passes_its_own_check() {
    let printed = sluiced(&["--print-default-config"]);
    assert!(printed.status.success());
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("default.toml");
    fs::write(&path, printed.stdout).expect("written");
    let checked = sluiced(&["--config", path.to_str().expect("text"), "--check-config"]);
    assert!(checked.status.success(), "{checked:?}");
}

#[test]
fn a_wrong_configuration_exits_with_2_and_says_where() {
    let folder = tempfile::tempdir().expect("folder");
    let path = write_config(folder.path(), "colour = 'red'\n");
    for arguments in [&["--config", &path][..], &["--config", &path, "--check-config"]] {
        let output = sluiced(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains("colour") && stderr.contains("line 12"), "{stderr}");
    }
    assert_eq!(sluiced(&["--config", "/nowhere/sluiced.toml"]).status.code(), Some(2));
    assert_eq!(sluiced(&[]).status.code(), Some(2));
}

#[tokio::test]
async fn serves_until_it_is_told_to_stop() {
    for stop in [Signal::TERM, Signal::INT] {
        let folder = tempfile::tempdir().expect("folder");
        let path = write_config(folder.path(), "");
        let mut command = Command::new(env!("CARGO_BIN_EXE_sluiced"));
        let mut daemon =
            command.args(["--config", &path]).stderr(Stdio::null()).spawn().expect("sluiced starts");
        let ready = folder.path().join("ready");
        let text = until("the ready file", || fs::read_to_string(&ready).ok());
        let told: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(told["pid"], daemon.id());
        let address: ApiAddress = told["api"].as_str().and_then(|api| api.parse().ok()).expect("an address");
        let mut client = connect(&address).await.expect("the API answers");
        let node = client.get_node(GetNodeRequest {}).await.expect("an answer").into_inner();
        assert_eq!(told["nvme_tcp"][0], node.nvme_tcp_listeners[0]);

        signal(&daemon, stop);
        let status = until("the end", || daemon.try_wait().expect("waited"));
        assert_eq!(status.code(), Some(0), "{stop:?}");
        let mut left: Vec<_> =
            fs::read_dir(folder.path()).expect("folder").map(|entry| entry.expect("entry")).collect();
        left.retain(|entry| entry.file_name() != "sluiced.toml");
        assert!(left.is_empty(), "{left:?}");
    }
}

#[test]
fn an_address_in_use_ends_it_with_1() {
    let folder = tempfile::tempdir().expect("folder");
    let path = write_config(folder.path(), "");
    let _listener = std::os::unix::net::UnixListener::bind(folder.path().join("api")).expect("bound");
    let output = sluiced(&["--config", &path]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("another process serves it"), "{stderr}");
}
