//! kill -9 of the daemon under verifying load, fifty times: no acknowledged write may be lost, no block
//! may hold another's bytes.
//!
//! The load generator keeps, for every block, what was acknowledged and what may be in flight; it
//! reconnects, goes on, and reads every block back at the end. `SLUICE_SEED` replays the moments of
//! the kills as far as the machine allows, `SLUICE_KILLS` asks for another number of them.
#![forbid(unsafe_code)]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sluice_node_api::v1::{self, host_access::Access};
use sluice_perf::spec::{JobSpec, ReconnectSpec, Target, TcpTarget, VerifySpec};
use sluice_perf::workload::{OpMix, SizeMix};
use sluice_perf::{Progress, RunOptions};

/// Far longer than anything here takes on a machine that is not on fire.
const PATIENCE: Duration = Duration::from_secs(60);
/// Longest wait between new progress and the next kill.
const MOMENT_MS: u64 = 150;

/// A node process and where it keeps its things.
struct Node {
    folder: PathBuf,
    child: Child,
    address: SocketAddr,
}

impl Node {
    fn start(folder: &Path, listen: SocketAddr) -> Node {
        let ready = folder.join("ready");
        // A killed node leaves its file behind.
        let _ = std::fs::remove_file(&ready);
        let config = folder.join("node.toml");
        std::fs::write(&config, configuration(folder, listen)).expect("the configuration is written");
        let program = env!("CARGO_BIN_EXE_sluice-e2e-node");
        let mut child = Command::new(program).arg(&config).spawn().expect("the node is spawned");
        let address = until("the node to serve", || {
            assert!(child.try_wait().expect("a child").is_none(), "the node ended by itself");
            let text = std::fs::read(&ready).ok()?;
            let said: serde_json::Value = serde_json::from_slice(&text).expect("the ready file is JSON");
            said["nvme_tcp"][0].as_str()?.parse().ok()
        });
        Node { folder: folder.to_owned(), child, address }
    }

    fn kill(&mut self) {
        self.child.kill().expect("SIGKILL is sent");
        self.child.wait().expect("the node is gone");
    }

    fn restart(&mut self) {
        *self = Node::start(&self.folder.clone(), self.address);
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may be dead already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn configuration(folder: &Path, listen: SocketAddr) -> String {
    format!(
        "[node]\nready_file = '{0}/ready'\n[api]\nlisten = 'unix:{0}/api'\n[qos]\ncalibration_ms = 0\n[nvme_tcp]\nlisten = ['{listen}']\n\
         [[device]]\nname = 'disk'\nuri = 'file:{0}/disk'\nsize = '64MiB'\n",
        folder.display()
    )
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

/// Creates and publishes a volume; returns its subsystem's NQN.
fn volume(folder: &Path) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let address = format!("unix:{}/api", folder.display()).parse().expect("an address");
        let mut client = sluice_node_api::connect(&address).await.expect("the API answers");
        let create = v1::CreateVolumeRequest {
            name: "data".to_owned(),
            app: "kill".to_owned(),
            size_bytes: 32 << 20,
            block_size: 4096,
            pool: String::new(),
            thick: false,
        };
        client.create_volume(create).await.expect("created");
        let access = Some(v1::HostAccess { access: Some(Access::AnyHost(v1::AnyHost {})) });
        let publish = v1::PublishVolumeRequest { name: "data".to_owned(), access };
        let answer = client.publish_volume(publish).await.expect("published").into_inner();
        answer.volume.expect("an answer has a volume").nqn
    })
}

fn job(address: SocketAddr, nqn: &str, run_time: Duration) -> JobSpec {
    JobSpec {
        ops: OpMix { read_percent: 30, ..OpMix::default() },
        sizes: SizeMix::single(16 << 10).expect("a size that is allowed"),
        queue_depth: 16,
        connections: 2,
        run_time: Some(run_time),
        verify: Some(VerifySpec { precondition: true, read_back: true, ..VerifySpec::default() }),
        reconnect: Some(ReconnectSpec { give_up: PATIENCE, ..ReconnectSpec::default() }),
        ..JobSpec::new("kill", Target::Tcp(TcpTarget::new(address.to_string(), nqn)))
    }
}

/// A small generator is enough to choose moments.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn fifty_kills_lose_no_acknowledged_write() {
    let (kills, seed) = (number("SLUICE_KILLS", 50), number("SLUICE_SEED", 1));
    println!("{kills} kills, SLUICE_SEED={seed}");
    let folder = tempfile::tempdir().expect("a folder");
    let mut node = Node::start(folder.path(), ([127, 0, 0, 1], 0).into());
    // The load must outlast the kills, and end by itself to read everything back.
    let run_time = Duration::from_secs(2 * kills);
    let job = job(node.address, &volume(folder.path()), run_time);

    let written = Arc::new(AtomicU64::new(0));
    let told = Arc::clone(&written);
    let load = std::thread::spawn(move || {
        let options = RunOptions { interval: Duration::from_millis(250), ..RunOptions::default() };
        let mut observe = |progress: &Progress| {
            let counters = progress.jobs[0].counters;
            told.store(counters.blocks_written + counters.blocks_verified, Ordering::Relaxed);
        };
        sluice_perf::run(&[job], &options, &AtomicBool::new(false), &mut observe)
    });

    let mut moments = seed;
    for kill in 1..=kills {
        let before = written.load(Ordering::Relaxed);
        until("progress under load", || {
            assert!(!load.is_finished(), "the load ended before kill {kill}: see its report below");
            (written.load(Ordering::Relaxed) > before).then_some(())
        });
        std::thread::sleep(Duration::from_millis(next(&mut moments) % MOMENT_MS));
        node.kill();
        node.restart();
    }
    let report = load.join().expect("the load does not panic").expect("the load starts");
    let job = &report.jobs[0];
    println!("{:?}, {:?}", job.outcome, job.counters);
    assert!(report.is_clean(), "{:?}: {:?}", job.outcome, job.wrong_blocks);
    assert_eq!(job.counters.blocks_wrong, 0, "{:?}", job.wrong_blocks);
    assert!(
        job.counters.disconnects > 0 && job.counters.reissued > 0,
        "no kill met the load: {:?}",
        job.counters
    );
}
