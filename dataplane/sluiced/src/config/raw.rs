//! The configuration as written: one structure per TOML table, each with its defaults and ranges.
//!
//! [`RawConfig::resolve`] turns it into a [`Config`](super::Config), which is what the node runs on.

use std::time::Duration;

use serde::Deserialize;
use sluice_node_api::{ApiAddress, Size};

use sluice_nvme_pcie::MOST_PAIRS;
use sluice_target::{Limits, TargetConfig, Timeouts};

use super::section::section;

/// A configuration file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawConfig {
    /// `[node]`
    pub node: RawNode,
    /// `[api]`
    pub api: RawApi,
    /// `[metrics]`
    pub metrics: RawMetrics,
    /// `[nvme_tcp]`
    pub nvme_tcp: RawNvmeTcp,
    /// `[qos]`
    pub qos: RawQos,
    /// `[reactor]`
    pub reactor: RawReactor,
    /// `[danger_zone]`
    pub danger_zone: RawDangerZone,
    /// `[[device]]`, any number.
    pub device: Vec<RawDevice>,
}

fn limits() -> Limits {
    Limits::default()
}

fn timeouts() -> Timeouts {
    Timeouts::default()
}

fn in_ms(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).expect("defaults are at most an hour")
}

section! {
    /// The daemon itself.
    pub struct RawNode = "node" {
        /// Name of the node: 1 to 63 characters of a-z, A-Z, 0-9, `-`, `_` and `.`. Empty means the host's name.
        name: String = String::new();
        /// What to log on stderr: `error`, `warn`, `info`, `debug` or `trace`, or directives such as
        /// `info,sluice_target=debug`. No level logs per I/O.
        log: String = "info".to_owned();
        /// A file to write once the node serves: JSON with the bound addresses and the process ID. Removed on
        /// shutdown. Empty means none.
        ready_file: String = String::new();
    }
}

section! {
    /// The control interface, gRPC `sluice.node.v1`. It has no authentication yet: whoever can open it can delete
    /// volumes.
    pub struct RawApi = "api" {
        /// Where it listens: `unix:PATH`, or `ADDRESS:PORT` with a loopback address (port 0: any free one).
        listen: String = ApiAddress::DEFAULT.to_owned();
        /// Permissions of the Unix socket, in octal: three digits. Read and write both are needed to call.
        socket_mode: String = "600".to_owned();
    }
}

section! {
    /// Figures for Prometheus: `GET /metrics`, OpenMetrics text. Read-only, no authentication.
    pub struct RawMetrics = "metrics" {
        /// Where it listens: `ADDRESS:PORT` (port 0: any free one). Empty means nowhere.
        listen: String = String::new();
    }
}

section! {
    /// The NVMe/TCP target. Limits hold per device, that is per reactor; sizes are bytes, or text like "128KiB".
    pub struct RawNvmeTcp = "nvme_tcp" {
        /// Where hosts connect: 1 to 8 of `ADDRESS:PORT` (port 0: any free one). The default serves this machine
        /// only; `0.0.0.0:4420` or `[::]:4420` serve every network the node is on. Hosts are not authenticated:
        /// the network must be trusted.
        listen: Vec<String> = vec!["127.0.0.1:4420".to_owned()];
        /// Largest transfer of one command; hosts see it as MDTS. A power of two.
        max_transfer_bytes: Size = Size(limits().max_transfer_bytes.into()), Size::kib(4)..=Size::mib(1);
        /// Largest write whose data may travel in the command capsule, saving a round trip. A multiple of 16, at
        /// most `max_transfer_bytes`.
        in_capsule_bytes: Size = Size(limits().in_capsule_bytes.into()), Size(0)..=Size::kib(64);
        /// Most entries of an I/O queue; hosts see it as MQES.
        queue_entries: u32 = limits().queue_entries.into(), 2..=1024;
        /// Most I/O queues of one controller; a host that asks for more is granted these.
        io_queues: u32 = limits().io_queues.into(), 1..=128;
        /// Most connections at a time: one per queue of each controller, admin queues included.
        connections: u32 = limits().connections, 1..=4096;
        /// Memory for the data of commands in flight: at least 64 times `max_transfer_bytes`. When it is used up,
        /// sockets wait.
        buffer_bytes: Size = Size(limits().buffer_bytes), Size::kib(256)..=Size::mib(64 << 10);
        /// Agree to header digests (CRC32C of every PDU header) when a host asks for them.
        header_digest: bool = true;
        /// Agree to data digests (CRC32C of all data) when a host asks for them.
        data_digest: bool = true;
        /// Connections that may be in their handshake at once, all devices together.
        pending_handshakes: u32 = TargetConfig::default().pending_handshakes, 1..=4096;
        /// Time from accepting a socket to a complete Connect command, in milliseconds.
        handshake_timeout_ms: u32 = in_ms(timeouts().handshake), 100..=60_000;
        /// Longest keep-alive timeout a host may choose, in milliseconds. A host that chooses none has none.
        keep_alive_max_ms: u32 = in_ms(timeouts().keep_alive_max), 1000..=3_600_000;
        /// How long a shutdown waits for commands in flight, in milliseconds.
        drain_timeout_ms: u32 = in_ms(timeouts().drain), 0..=60_000;
    }
}

section! {
    /// Guarantees and limits of applications; they themselves are set with `sluice app set`.
    pub struct RawQos = "qos" {
        /// Whether I/O goes through the scheduler. `false` guarantees nothing and limits nothing: to compare with.
        enabled: bool = true;
        /// A device is measured before it is formatted: how long each of the two steps at full depth lasts, in
        /// milliseconds. A new drive wants minutes, until its cache is worn out. 0: it is not measured, and no Min can
        /// be promised on it.
        calibration_ms: u32 = 500, 0..=600_000;
        /// What an I/O unit of reads and writes carries at most, in bytes, a power of two: a larger I/O counts a unit
        /// against Min, Max and bursts for every so many bytes begun.
        unit: Size = Size::kib(16), Size::kib(4)..=Size::mib(1);
        /// Percent of the measured worst rate that may be promised as Min, all applications together.
        promised_percent: u32 = 80, 1..=100;
    }
}

section! {
    /// The threads that serve I/O, one per device.
    pub struct RawReactor = "reactor" {
        /// What a reactor does when it has nothing to do: `adaptive` spins for `spin_us`, then sleeps until woken;
        /// `always` never sleeps and takes a whole core per device.
        polling: String = "adaptive".to_owned();
        /// How long an idle reactor spins before it sleeps, in microseconds. Longer saves wake-ups, costs CPU.
        spin_us: u32 = 50, 0..=1_000_000;
    }
}

section! {
    /// Switches that can hurt. Leave them off unless you know who can reach this machine.
    pub struct RawDangerZone = "danger_zone" {
        /// Let `api.listen` be an address that is not loopback. The API has no authentication.
        api_on_network: bool = false;
    }
}

section! {
    /// A block device, served by a reactor of its own. Formatted, it is a pool of the same name.
    pub struct RawDevice = "device" {
        /// Required. A DNS label: 1 to 63 of a-z, 0-9 and `-`, neither first nor last a `-`. Unique.
        name: String = String::new();
        /// Required. `file:PATH` for a regular file, created if missing; `uring:PATH` for a block device, whose data
        /// are overwritten only as `format` says; `ng:/dev/ng0n1` for a namespace of an NVMe drive that stays with the
        /// kernel's driver but gets NVMe commands; `pcie:ADDRESS` for one that `sluice host prepare` took from the
        /// kernel, `pcie:ADDRESS/NAMESPACE` if it has several namespaces; `memory:SIZE`, `ssd:SIZE`, `null:SIZE` and
        /// `cached:PATH` for tests: the first forgets everything on exit, the second too and takes a flash drive's time,
        /// the third forgets at once, and the last is a file that loses on exit what was not flushed.
        uri: String = String::new();
        /// Size of the file that `file:` creates, needed only then, or that `cached:` has. A multiple of 1 MiB.
        size: Option<Size> = None, Size::mib(16)..=Size(1 << 50);
        /// Logical block size in bytes, 512 or 4096; not for `uring:`, `ng:` and `pcie:`, which tell their own.
        block_size: Option<u32> = None;
        /// How many dies of `ssd:` work at once, each on a read of 16 KiB for 160 us or on a write for 400. Absent: 16.
        dies: Option<u32> = None, 1..=1024;
        /// How many times as long the dies of `ssd:` take. Absent: once.
        slowdown: Option<u32> = None, 1..=1000;
        /// I/O queue pairs that the requests to a `pcie:` drive are spread over, for drives that serve several faster
        /// than one: a power of two; fewer if the drive grants fewer. Absent: 1.
        queue_pairs: Option<u32> = None, 1..=u32::from(MOST_PAIRS);
        /// Core its reactor is pinned to. Absent: one is chosen, from the highest down, if there is more than one.
        core: Option<u32> = None, 0..=1023;
        /// `if-blank` formats a device that holds no data at all and leaves every other alone; `never` formats
        /// nothing. Formatting over data takes `sluice pool create --force`.
        format: String = "if-blank".to_owned();
        /// UUID of the pool that is to be on it: any other is left alone, and a pool that is made gets it. Absent:
        /// whichever pool is there.
        pool: Option<String> = None;
    }
}
