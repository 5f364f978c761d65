//! The command line: what `sluice` takes. The doc comments are what `--help` shows.

mod app;
mod device;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use sluice_host::PageSize;
use sluice_node_api::{ApiAddress, Size};

pub(crate) use app::{AppCommand, AppLeaseArgs, AppSetArgs, TopArgs};
pub(crate) use device::{DeviceCommand, FormatArgs, SanitizeArgs, SanitizeBy, SecureErase};

/// Exit codes, shown at the end of `--help`; [`crate::error`] keeps them.
const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  failed; for `demo`: not everything was verified
  2  wrong usage, or a value outside its range
  3  the node is not reachable, or is shutting down
  4  no such device, pool, volume, snapshot or application
  5  in conflict with what is there
  6  no space, or a limit is reached
  7  `pool check`: findings that opening the pool, or --repair, puts right
  8  `pool check`: damage that nothing here puts right
130  the demo was interrupted";

/// Volumes over NVMe/TCP with performance guarantees per application.
#[derive(Debug, Parser)]
#[command(name = "sluice", version, after_help = EXIT_CODES, max_term_width = 110)]
pub struct Cli {
    /// The node's API: unix:PATH or HOST:PORT.
    #[arg(long, global = true, env = "SLUICE_NODE", value_name = "ADDRESS", default_value = ApiAddress::DEFAULT)]
    pub node: ApiAddress,
    /// Tables for people, or JSON on stdout for machines.
    #[arg(short, long, global = true, value_enum, default_value_t = Output::Table)]
    pub output: Output,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// How results are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Aligned columns.
    Table,
    /// One JSON value; one per line where there are several.
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the node: version, listeners, reactors.
    Node,
    /// Block devices of the node.
    #[command(subcommand)]
    Device(DeviceCommand),
    /// NVMe drives of the node's host.
    #[command(subcommand)]
    Drive(DriveCommand),
    /// Pools: formatted devices.
    #[command(subcommand)]
    Pool(PoolCommand),
    /// Volumes.
    #[command(subcommand)]
    Volume(VolumeCommand),
    /// Snapshots of volumes, and what changed between them.
    #[command(subcommand)]
    Snapshot(SnapshotCommand),
    /// Applications and what they are promised: Min and Max IOPS, weight, bursts.
    #[command(subcommand)]
    App(AppCommand),
    /// NVMe/TCP connections.
    #[command(subcommand)]
    Connection(ConnectionCommand),
    /// This host: huge pages, the IOMMU, and the drives that user space may have. Needs no node.
    #[command(subcommand)]
    Host(HostCommand),
    /// Counters and latencies of volumes.
    Stats(StatsArgs),
    /// Watch applications against what they are promised, and devices.
    Top(TopArgs),
    /// Start a node in a temporary folder, drive two applications against it and verify every block.
    Demo(DemoArgs),
    /// Print a completion script for a shell.
    Completion {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

/// `sluice drive`
#[derive(Debug, Subcommand)]
pub enum DriveCommand {
    /// List them: what they are, how they are and who uses them.
    List,
}

/// `sluice pool`
#[derive(Debug, Subcommand)]
pub enum PoolCommand {
    /// List the pools.
    List,
    /// Show one pool: what it holds, what is left, and how it is.
    Show {
        /// Its name.
        name: String,
    },
    /// Format a device as a pool. A pool that is there already stays as it is.
    Create {
        /// The device.
        device: String,
        /// DANGER: format it whatever it holds. All its data are lost.
        #[arg(long)]
        force: bool,
    },
    /// Check a pool that no daemon serves: read all its metadata and tell everything that is wrong. Needs no node.
    Check(CheckArgs),
}

/// `sluice pool check`
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Its device: a path, or a URI as in the daemon's configuration.
    pub device: String,
    /// Put right what costs no block of any volume. If that is not all there is, nothing is changed.
    #[arg(long)]
    pub repair: bool,
    /// Block size of a file's pool, if it was not formatted with 4096.
    #[arg(long, value_parser = block_size)]
    pub block_size: Option<u32>,
}

/// `sluice volume`
#[derive(Debug, Subcommand)]
pub enum VolumeCommand {
    /// List the volumes.
    List {
        /// Only those of this application.
        #[arg(long)]
        app: Option<String>,
    },
    /// Show one volume.
    Show {
        /// Its name.
        name: String,
    },
    /// Create a volume. Asking again for the same is no error.
    Create(CreateArgs),
    /// Make a volume with the contents of a volume or snapshot, at once and whatever its size.
    Clone(CloneArgs),
    /// Make a volume larger. Hosts that are connected see it.
    Resize {
        /// The volume.
        name: String,
        /// The new size, such as 20GiB. Volumes do not shrink.
        #[arg(long)]
        size: Size,
    },
    /// Make a volume what a snapshot of it is, at once. What was written since is lost.
    Rollback {
        /// VOLUME@SNAPSHOT.
        #[arg(value_parser = snapshot)]
        snapshot: SnapshotName,
        /// DANGER: even though hosts are connected. They go on with what they remember of the volume.
        #[arg(long)]
        connected: bool,
    },
    /// Delete a volume. It must not be published. Its snapshots and clones stay.
    Delete {
        /// Its name.
        name: String,
        /// Return only once what only it had is free again.
        #[arg(long)]
        wait: bool,
    },
    /// Let hosts connect, and print how. Publishing again replaces the list of hosts.
    Publish(PublishArgs),
    /// Disconnect all hosts and let none connect.
    Unpublish {
        /// The volume.
        name: String,
    },
}

/// `sluice snapshot`
#[derive(Debug, Subcommand)]
pub enum SnapshotCommand {
    /// List the snapshots.
    List {
        /// Only those of this volume.
        volume: Option<String>,
    },
    /// Take a snapshot, or several of volumes of one pool at one moment. Asking again for the same is no error.
    Create {
        /// VOLUME@SNAPSHOT; several for several volumes, up to 64.
        #[arg(required = true, value_parser = snapshot)]
        snapshots: Vec<SnapshotName>,
    },
    /// Delete a snapshot. Other snapshots and clones stay.
    Delete {
        /// VOLUME@SNAPSHOT, or the UUID of one whose volume is gone.
        snapshot: String,
        /// Return only once what only it had is free again.
        #[arg(long)]
        wait: bool,
    },
    /// List what a snapshot has differently from an older one, or all it has.
    Changes {
        /// VOLUME@SNAPSHOT or UUID: until this one.
        snapshot: String,
        /// VOLUME@SNAPSHOT or UUID: since this one.
        #[arg(long)]
        since: Option<String>,
    },
}

/// A snapshot by its volume's name and its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotName {
    /// The volume.
    pub volume: String,
    /// Its own.
    pub name: String,
}

/// `sluice volume clone`
#[derive(Debug, Args)]
pub struct CloneArgs {
    /// A volume, VOLUME@SNAPSHOT, or the UUID of either.
    pub source: String,
    /// The clone's name: 1 to 63 of a-z, 0-9 and `-`.
    pub name: String,
    /// The application that the clone belongs to.
    #[arg(long)]
    pub app: String,
}

/// `sluice volume create`
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// Its name: 1 to 63 of a-z, 0-9 and `-`.
    pub name: String,
    /// The application it belongs to.
    #[arg(long)]
    pub app: String,
    /// Size, such as 10GiB. May be more than the pool has.
    #[arg(long)]
    pub size: Size,
    /// Set its space aside: first writes never fail for want of it.
    #[arg(long)]
    pub thick: bool,
    /// Block size that hosts see.
    #[arg(long, default_value = "4096", value_parser = block_size)]
    pub block_size: u32,
    /// The pool; needed if the node has several.
    #[arg(long)]
    pub pool: Option<String>,
}

/// `sluice volume publish`
#[derive(Debug, Args)]
pub struct PublishArgs {
    /// The volume.
    pub name: String,
    /// NQN of a host that may connect (`nvme show-hostnqn` there); several times for several, up to 8.
    #[arg(
        long = "host",
        value_name = "NQN",
        conflicts_with = "any_host",
        required_unless_present = "any_host"
    )]
    pub hosts: Vec<String>,
    /// Let every host connect.
    #[arg(long)]
    pub any_host: bool,
}

/// `sluice connection`
#[derive(Debug, Subcommand)]
pub enum ConnectionCommand {
    /// List the connections.
    List {
        /// Only those of this volume.
        #[arg(long)]
        volume: Option<String>,
    },
}

/// `sluice host`
#[derive(Debug, Subcommand)]
pub enum HostCommand {
    /// Show what there is, what is missing, and the commands that mend it. Changes nothing.
    Status,
    /// Reserve huge pages and hand drives to user space. What was there before is remembered until a reboot.
    Prepare(PrepareArgs),
    /// Put back what `prepare` changed: pages and drives.
    Undo,
}

/// `sluice host prepare`
#[derive(Debug, Args)]
pub struct PrepareArgs {
    /// Huge pages to reserve, such as 2MiB=128, on NUMA node 0, or 1:1GiB=4 on node 1; several times for several.
    #[arg(long, value_name = "[NODE:]SIZE=COUNT", value_parser = pages, required_unless_present = "drives")]
    pub pages: Vec<(u32, PageSize, u64)>,
    /// PCI address of an NVMe drive to hand over, such as 0000:01:00.0; several times for several.
    #[arg(long = "drive", value_name = "ADDRESS")]
    pub drives: Vec<String>,
    /// DANGER: hand over drives that hold partitions, file systems or other data. Mounted ones are refused still.
    #[arg(long)]
    pub force: bool,
}

/// `sluice stats`
#[derive(Debug, Args)]
pub struct StatsArgs {
    /// Only this volume, with its latency histogram.
    #[arg(long)]
    pub volume: Option<String>,
    /// Show rates again and again until interrupted.
    #[arg(long)]
    pub watch: bool,
    /// Seconds between two looks, 1 to 3600.
    #[arg(long, default_value_t = 1, requires = "watch", value_parser = clap::value_parser!(u16).range(1..=3600))]
    pub interval: u16,
}

/// `sluice demo`
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// How long to drive load, in seconds, 1 to 3600.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=3600))]
    pub seconds: u16,
    /// Stay up afterwards, so that a host can connect, until interrupted.
    #[arg(long)]
    pub keep: bool,
    /// Where hosts connect. The default serves this machine only, on a free port.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// Where to make the temporary folder; it takes 320 MiB. Default: the system's place for such.
    #[arg(long, value_name = "FOLDER")]
    pub folder: Option<PathBuf>,
}

fn pages(text: &str) -> Result<(u32, PageSize, u64), String> {
    let form = || "must be [NODE:]SIZE=COUNT with a SIZE of 2MiB or 1GiB, such as 2MiB=128".to_owned();
    let (place, count) = text.split_once('=').ok_or_else(form)?;
    let (node, size) = place.split_once(':').unwrap_or(("0", place));
    let page = match size {
        "2MiB" => PageSize::Mib2,
        "1GiB" => PageSize::Gib1,
        _ => return Err(form()),
    };
    Ok((node.parse().map_err(|_| form())?, page, count.parse().map_err(|_| form())?))
}

fn snapshot(text: &str) -> Result<SnapshotName, String> {
    match text.split_once('@') {
        Some((volume, name)) if !volume.is_empty() && !name.is_empty() => {
            Ok(SnapshotName { volume: volume.to_owned(), name: name.to_owned() })
        }
        _ => Err("must be VOLUME@SNAPSHOT".to_owned()),
    }
}

fn block_size(text: &str) -> Result<u32, String> {
    match text.parse::<Size>().map_err(|error| error.to_string())? {
        Size(512) => Ok(512),
        Size(4096) => Ok(4096),
        _ => Err("must be 512 or 4096".to_owned()),
    }
}

#[cfg(test)]
mod test {
    use clap::{CommandFactory, Parser};
    use sluice_node_api::Size;

    use super::{Cli, Command, HostCommand, PageSize, SnapshotCommand, VolumeCommand};

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn create_takes_sizes_with_units() {
        let cli = parse("sluice volume create db-0 --app db --size 10GiB --block-size 512").expect("parses");
        let Command::Volume(VolumeCommand::Create(args)) = cli.command else { panic!("another command") };
        assert_eq!((args.size, args.block_size, args.pool), (Size(10 << 30), 512, None));
        let cli = parse("sluice volume create db-0 --app db --size 1MiB --block-size 4KiB").expect("parses");
        let Command::Volume(VolumeCommand::Create(args)) = cli.command else { panic!("another command") };
        assert_eq!(args.block_size, 4096);
    }

    #[test]
    fn publish_needs_hosts_or_any() {
        parse("sluice volume publish db-0 --any-host").expect("any");
        let cli = parse("sluice volume publish db-0 --host nqn.a --host nqn.b").expect("two");
        let Command::Volume(VolumeCommand::Publish(args)) = cli.command else { panic!("another command") };
        assert_eq!(args.hosts, ["nqn.a", "nqn.b"]);
        parse("sluice volume publish db-0").expect_err("neither");
        parse("sluice volume publish db-0 --any-host --host nqn.a").expect_err("both");
    }

    #[test]
    fn snapshots_are_named_with_their_volumes() {
        let cli = parse("sluice snapshot create db-0@monday db-1@monday").expect("parses");
        let Command::Snapshot(SnapshotCommand::Create { snapshots }) = cli.command else {
            panic!("another command")
        };
        let names: Vec<_> = snapshots.iter().map(|one| (one.volume.as_str(), one.name.as_str())).collect();
        assert_eq!(names, [("db-0", "monday"), ("db-1", "monday")]);
    }

    #[test]
    fn pages_are_counted_by_size_and_node() {
        let cli = parse("sluice host prepare --pages 2MiB=128 --pages 1:1GiB=4 --drive 0000:01:00.0")
            .expect("parses");
        let Command::Host(HostCommand::Prepare(args)) = cli.command else { panic!("another command") };
        assert_eq!(args.pages, [(0, PageSize::Mib2, 128), (1, PageSize::Gib1, 4)]);
        assert_eq!((args.drives, args.force), (vec!["0000:01:00.0".to_owned()], false));
    }

    #[test]
    fn wrong_usage_is_refused() {
        let lines = [
            "sluice",
            "sluice volume create db-0 --app db",
            "sluice volume create db-0 --size 1GiB",
            "sluice volume create db-0 --app db --size 10GB",
            "sluice volume create db-0 --app db --size 1GiB --block-size 1024",
            "sluice snapshot create",
            "sluice snapshot create monday",
            "sluice snapshot create db-0@",
            "sluice volume rollback db-0",
            "sluice volume resize db-0",
            "sluice volume clone db-0 copy",
            "sluice host prepare",
            "sluice host prepare --pages 4KiB=8",
            "sluice host prepare --pages 2MiB",
            "sluice stats --interval 5",
            "sluice stats --watch --interval 0",
            "sluice stats --watch --interval 3601",
            "sluice demo --seconds 0",
            "sluice --node nonsense node",
        ];
        for line in lines {
            assert_eq!(parse(line).expect_err(line).exit_code(), 2, "{line}");
        }
        parse("sluice stats --watch --interval 3600").expect("an hour");
    }

    #[test]
    fn global_options_stand_anywhere() {
        let cli = parse("sluice volume list --node 127.0.0.1:4421 --output json").expect("parses");
        assert_eq!((cli.node.to_string().as_str(), cli.output), ("127.0.0.1:4421", super::Output::Json));
    }
}
