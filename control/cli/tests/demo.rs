//! `sluice demo`: proves, reports and leaves nothing behind.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

fn demo(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluice"));
    command.arg("demo").arg("--folder").arg(folder).args(arguments);
    command
}

fn is_empty(folder: &Path) -> bool {
    folder.read_dir().expect("folder").next().is_none()
}

#[test]
fn everything_is_verified_and_told_in_one_object() {
    let folder = tempfile::tempdir().expect("folder");
    let output = demo(folder.path(), &["--seconds", "2", "--output", "json"]).output().expect("sluice runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let told: Value = serde_json::from_slice(&output.stdout).expect("one JSON object and nothing else");
    assert_eq!(told["verified"], true, "{told}");
    assert_eq!(told["blocks_wrong"], 0);
    for app in told["apps"].as_array().expect("applications") {
        let blocks = (128 << 20) / app["block_size_bytes"].as_u64().expect("a size");
        assert!(app["blocks_written"].as_u64() > Some(blocks), "all blocks, and more under load: {app}");
        assert!(app["blocks_verified"].as_u64() > Some(blocks), "{app}");
        assert!(app["reads"]["p99_ns"].as_u64() > Some(0), "{app}");
        assert!(
            app["connect"].as_str().expect("a command").starts_with("nvme connect --transport=tcp"),
            "{app}"
        );
    }
    assert!(is_empty(folder.path()), "the folder is gone");
}

#[test]
fn an_interrupt_tidies_up() {
    let folder = tempfile::tempdir().expect("folder");
    let mut command = demo(folder.path(), &["--seconds", "600", "--output", "json"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("sluice runs");
    await_folder(folder.path());
    let id = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a process ID");
    kill_process(id, Signal::INT).expect("signalled");
    assert_eq!(await_end(&mut child), Some(130));
    assert!(is_empty(folder.path()), "the folder is gone");
}

const PATIENCE: Duration = Duration::from_secs(60);

/// Signals are caught before the folder is made.
fn await_folder(folder: &Path) {
    let begun = Instant::now();
    while is_empty(folder) {
        assert!(begun.elapsed() < PATIENCE, "the demo makes no folder");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn await_end(child: &mut Child) -> Option<i32> {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("waited") {
            return status.code();
        }
        assert!(begun.elapsed() < PATIENCE, "the demo does not end");
        std::thread::sleep(Duration::from_millis(10));
    }
}
