//! The two applications of the demo: what each stores and how it drives its volume.

use std::net::SocketAddr;
use std::time::Duration;

use sluice_node_api::Size;
use sluice_perf::spec::{JobSpec, Target, TcpTarget, VerifySpec};
use sluice_perf::workload::{OpMix, Pattern, SizeMix};

/// Each volume's size. Small enough to be written and read back whole within seconds, too large for a CPU's cache.
pub(super) const VOLUME: Size = Size::mib(128);
/// The device: both volumes, with room for the pool's own data.
pub(super) const DEVICE: Size = Size::mib(320);
const _: () = assert!(VOLUME.0 * 2 + Size::mib(16).0 <= DEVICE.0);

/// An application.
#[derive(Clone, Copy, Debug)]
pub(super) struct App {
    pub(super) name: &'static str,
    pub(super) volume: &'static str,
    pub(super) block_size: u32,
    /// The workload in words.
    pub(super) workload: &'static str,
    read_percent: u8,
    access: Size,
    pattern: Pattern,
    queue_depth: u16,
    connections: u16,
}

/// The one whose latency matters.
pub(super) const SENSITIVE: usize = 0;
/// The one that takes what it can get.
pub(super) const GREEDY: usize = 1;

/// A shop's database and analytics beside it: few small random accesses, and as many large ones as fit, with both block
/// sizes.
pub(super) const APPS: [App; 2] = [
    App {
        name: "shop",
        volume: "shop-db",
        block_size: 4096,
        workload: "4 KiB random, 70 % reads, depth 4",
        read_percent: 70,
        access: Size::kib(4),
        pattern: Pattern::Random,
        queue_depth: 4,
        connections: 1,
    },
    App {
        name: "analytics",
        volume: "analytics-log",
        block_size: 512,
        workload: "64 KiB sequential, 30 % reads, 2 queues of depth 64",
        read_percent: 30,
        access: Size::kib(64),
        pattern: Pattern::Sequential,
        queue_depth: 64,
        connections: 2,
    },
];

impl App {
    /// The load for its volume. Every block is written before and read back after the measured time, so that each
    /// read in between has something to prove.
    pub(super) fn job(&self, address: SocketAddr, nqn: &str, run_time: Duration) -> JobSpec {
        let target = Target::Tcp(TcpTarget::new(address.to_string(), nqn));
        let verify = VerifySpec { precondition: true, read_back: true, ..VerifySpec::default() };
        JobSpec {
            app: self.name.to_owned(),
            pattern: self.pattern,
            ops: OpMix { read_percent: self.read_percent, ..OpMix::default() },
            sizes: SizeMix::single(self.access.0).expect("a constant size that is allowed"),
            queue_depth: self.queue_depth,
            connections: self.connections,
            run_time: Some(run_time),
            verify: Some(verify),
            ..JobSpec::new(self.volume, target)
        }
    }
}

#[cfg(test)]
mod test {
    use std::time::Duration;

    use sluice_perf::spec::check_jobs;

    use super::APPS;

    #[test]
    fn the_jobs_are_valid() {
        let address = ([127, 0, 0, 1], 4420).into();
        let job = |(index, app): (usize, &super::App)| {
            app.job(address, &format!("nqn.{index}"), Duration::from_secs(1))
        };
        let jobs: Vec<_> = APPS.iter().enumerate().map(job).collect();
        check_jobs(&jobs).expect("valid");
        assert!(
            jobs.iter()
                .all(|job| { job.verify.is_some_and(|verify| verify.precondition && verify.read_back) })
        );
    }
}
