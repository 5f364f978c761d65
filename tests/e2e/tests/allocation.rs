//! The whole path, from socket to device and back, allocates nothing per I/O in steady state.
//!
//! A node in this process serves a memory device; verifying load runs against it over the loopback. Once
//! it is warm, the allocator counts the calls of the reactor's thread, and of no other, for a while.
#![allow(unsafe_code, reason = "an allocator of one's own cannot be made without it")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use sluice_node_api::v1::{self, host_access::Access};
use sluice_perf::spec::{JobSpec, Target, TcpTarget, VerifySpec};
use sluice_perf::workload::OpMix;
use sluice_perf::{Phase, Progress, RunOptions};
use sluiced::Node;
use sluiced::config::{RawConfig, RawDevice};

/// The system's allocator, counting what the reactor's thread asks of it while [`ARMED`].
struct Counting;

static ARMED: AtomicBool = AtomicBool::new(false);
static CALLS: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// Whether this is the reactor's thread; found out once per thread, outside of any allocation.
    static IS_REACTOR: Cell<Option<bool>> = const { Cell::new(None) };
}

fn note() {
    if !ARMED.load(Ordering::Relaxed) {
        return;
    }
    let known = IS_REACTOR.get();
    let reactor = known.unwrap_or_else(|| {
        // Asking may allocate: what it allocates is not counted.
        IS_REACTOR.set(Some(false));
        let name = std::fs::read_to_string("/proc/thread-self/comm").unwrap_or_default();
        let reactor = name.starts_with("reactor-");
        IS_REACTOR.set(Some(reactor));
        reactor
    });
    if reactor {
        CALLS.fetch_add(1, Ordering::Relaxed);
    }
}

// SAFETY: every call is handed to the system's allocator unchanged; counting touches only statics and a plain
// thread-local that needs no allocation itself.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note();
        // SAFETY: the caller's promises are the system allocator's demands.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, address: *mut u8, layout: Layout) {
        // SAFETY: as above; the memory came from the system's allocator.
        unsafe { System.dealloc(address, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn node(folder: &std::path::Path) -> (Node, String) {
    let mut raw = RawConfig::default();
    raw.qos.calibration_ms = 0;
    raw.api.listen = format!("unix:{}/api", folder.display());
    raw.nvme_tcp.listen = vec!["127.0.0.1:0".to_owned()];
    raw.device =
        vec![RawDevice { name: "memory".to_owned(), uri: "memory:64MiB".to_owned(), ..RawDevice::default() }];
    let node = Node::start(raw.resolve().expect("a right configuration")).expect("the node starts");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let nqn = runtime.block_on(async {
        let mut client = sluice_node_api::connect(node.api_address()).await.expect("the API answers");
        let create = v1::CreateVolumeRequest {
            name: "data".to_owned(),
            app: "test".to_owned(),
            size_bytes: 32 << 20,
            block_size: 4096,
            pool: String::new(),
            thick: false,
        };
        client.create_volume(create).await.expect("created");
        let access = Some(v1::HostAccess { access: Some(Access::AnyHost(v1::AnyHost {})) });
        let publish = v1::PublishVolumeRequest { name: "data".to_owned(), access };
        client.publish_volume(publish).await.expect("published").into_inner().volume.expect("a volume").nqn
    });
    (node, nqn)
}

#[test]
fn a_warm_path_allocates_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (node, nqn) = node(folder.path());
    let address = node.nvme_tcp_addresses()[0].to_string();
    let job = JobSpec {
        ops: OpMix { read_percent: 50, ..OpMix::default() },
        queue_depth: 32,
        connections: 2,
        run_time: Some(Duration::from_secs(3)),
        verify: Some(VerifySpec { precondition: true, ..VerifySpec::default() }),
        ..JobSpec::new("allocation", Target::Tcp(TcpTarget::new(address, nqn)))
    };
    // All blocks are written first. Warm from the second look at what follows on; no look counts the end of the run, where
    // connections close.
    let mut measured: Option<Duration> = None;
    let mut observe = |progress: &Progress| {
        let measuring = progress.jobs.iter().all(|job| job.phase == Phase::Measuring);
        let since = progress.elapsed.saturating_sub(*measured.get_or_insert(progress.elapsed));
        if !measuring {
            measured = None;
        }
        let warm = since >= Duration::from_millis(500) && since < Duration::from_millis(2250);
        ARMED.store(measuring && warm, Ordering::Relaxed);
    };
    let options = RunOptions { interval: Duration::from_millis(250), ..RunOptions::default() };
    let report =
        sluice_perf::run(&[job], &options, &AtomicBool::new(false), &mut observe).expect("the load runs");
    ARMED.store(false, Ordering::Relaxed);
    assert!(report.is_clean(), "{:?}", report.jobs[0].outcome);
    let ios = report.jobs[0].reads.ios + report.jobs[0].writes.ios;
    // Time-outs and keep-alive are looked at twice a second, which may allocate; I/O may not.
    let calls = CALLS.load(Ordering::Relaxed);
    println!("{calls} allocations of the reactor in {ios} I/Os");
    assert!(ios > 1_000 && calls < 50, "{calls} allocations of the reactor in {ios} I/Os");
}
