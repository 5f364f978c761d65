//! `sluice app` and `sluice top`: what they take.

use std::time::Duration;

use clap::{Args, Subcommand};
use sluice_node_api::Size;
use sluice_perf::units::parse_duration;

/// `sluice app`
#[derive(Debug, Subcommand)]
pub enum AppCommand {
    /// List the applications with what they are promised.
    List,
    /// Show one application, on every pool.
    Show {
        /// Its name.
        name: String,
    },
    /// Set what an application is promised on a device, over all its volumes and clones there. What is not given is
    /// the default, not what was set before.
    Set(AppSetArgs),
    /// Forget an application that owns no volume.
    Remove {
        /// Its name.
        name: String,
        /// The pool; needed if the node has several.
        #[arg(long)]
        pool: Option<String>,
    },
    /// Raise an application's Min or Max for a while; it returns by itself.
    Lease(AppLeaseArgs),
}

/// `sluice app set`
#[derive(Debug, Args)]
pub struct AppSetArgs {
    /// Its name: 1 to 63 of a-z, 0-9 and `-`.
    pub name: String,
    /// The pool; needed if the node has several.
    #[arg(long)]
    pub pool: Option<String>,
    /// Guaranteed I/O per second, in units of up to 16 KiB; refused if the device cannot keep it.
    #[arg(long, value_name = "IOPS", default_value_t = 0)]
    pub min_iops: u32,
    /// Never exceeded, but by a burst; at least 10. Not given: no limit.
    #[arg(long, value_name = "IOPS")]
    pub max_iops: Option<u32>,
    /// Ceiling of a burst above the Max, paid with what was left unused below it.
    #[arg(long, value_name = "IOPS", requires_all = ["max_iops", "burst_seconds"])]
    pub burst_iops: Option<u32>,
    /// How long saved credit lasts at the ceiling.
    #[arg(long, value_name = "SECONDS", requires = "burst_iops")]
    pub burst_seconds: Option<u32>,
    /// Share of what is left when every Min is met, against the others' weights.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub weight: u32,
    /// Bytes per second, such as 500MiB, reads and writes together; at least 1MiB. Not given: no limit.
    #[arg(long, value_name = "SIZE")]
    pub max_bandwidth: Option<Size>,
    /// Let what Min guarantees go before what other applications' Mins guarantee. Needs a Min.
    #[arg(long)]
    pub low_latency: bool,
    /// A mark of the owner's; several times for several, up to 32.
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label)]
    pub labels: Vec<(String, String)>,
}

/// `sluice app lease`
#[derive(Debug, Args)]
pub struct AppLeaseArgs {
    /// The application.
    pub name: String,
    /// The pool; needed if the node has several.
    #[arg(long)]
    pub pool: Option<String>,
    /// Min meanwhile; not below its own.
    #[arg(long, value_name = "IOPS", conflicts_with = "end")]
    pub min_iops: Option<u32>,
    /// Max meanwhile; not below its own.
    #[arg(long, value_name = "IOPS", conflicts_with = "end")]
    pub max_iops: Option<u32>,
    /// For how long, such as 90s or 10m: 1s to 30d, in whole seconds.
    #[arg(long = "for", value_name = "TIME", required_unless_present = "end", value_parser = lease_length)]
    pub length: Option<Duration>,
    /// End the lease that runs.
    #[arg(long, conflicts_with = "length")]
    pub end: bool,
}

/// `sluice top`
#[derive(Debug, Args)]
pub struct TopArgs {
    /// Seconds between two looks, 1 to 3600.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=3600))]
    pub interval: u16,
    /// Looks until it ends; not given: until interrupted.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub count: Option<u32>,
}

fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("must be KEY=VALUE".to_owned()),
    }
}

const LONGEST_LEASE_S: u64 = 30 * 86_400;

fn lease_length(text: &str) -> Result<Duration, String> {
    let length = parse_duration(text).map_err(|error| error.to_string())?;
    match (length.subsec_nanos(), length.as_secs()) {
        (0, 1..=LONGEST_LEASE_S) => Ok(length),
        _ => Err("must be 1s to 30d, in whole seconds".to_owned()),
    }
}

#[cfg(test)]
mod test {
    use std::time::Duration;

    use clap::Parser;
    use sluice_node_api::Size;

    use super::AppCommand;
    use crate::args::{Cli, Command};

    fn parse(line: &str) -> Result<AppCommand, clap::Error> {
        match Cli::try_parse_from(line.split_whitespace())?.command {
            Command::App(command) => Ok(command),
            other => panic!("another command: {other:?}"),
        }
    }

    #[test]
    fn what_is_not_given_is_the_default() {
        let AppCommand::Set(args) = parse("sluice app set shop").expect("parses") else { panic!("not set") };
        assert_eq!((args.min_iops, args.max_iops, args.burst_iops, args.weight), (0, None, None, 100));
    }

    #[test]
    fn a_set_with_everything() {
        let line = "sluice app set shop --min-iops 1000 --max-iops 5000 --burst-iops 8000 --burst-seconds 30 \
                    --weight 200 --max-bandwidth 500MiB --low-latency --label team=web --label tier=";
        let AppCommand::Set(args) = parse(line).expect("parses") else { panic!("not set") };
        assert_eq!((args.burst_iops, args.burst_seconds), (Some(8000), Some(30)));
        assert_eq!(args.max_bandwidth, Some(Size(500 << 20)));
        assert_eq!(args.labels, [("team".into(), "web".into()), ("tier".into(), String::new())]);
    }

    #[test]
    fn leases_last_from_a_second_to_a_month() {
        let length = |text: &str| match parse(&format!("sluice app lease shop --min-iops 5 --for {text}")) {
            Ok(AppCommand::Lease(args)) => args.length,
            _ => None,
        };
        assert_eq!(length("1s"), Some(Duration::from_secs(1)));
        assert_eq!(length("720h"), Some(Duration::from_secs(2_592_000)));
        assert_eq!([length("0s"), length("999ms"), length("2592001s")], [None; 3]);
    }

    #[test]
    fn wrong_usage_is_refused() {
        for line in [
            "sluice app set",
            "sluice app set shop --weight 0",
            "sluice app set shop --weight 1001",
            "sluice app set shop --burst-iops 100 --burst-seconds 1",
            "sluice app set shop --max-iops 50 --burst-iops 100",
            "sluice app set shop --label team",
            "sluice app lease shop --min-iops 100",
            "sluice app lease shop --end --for 10s",
        ] {
            assert_eq!(parse(line).expect_err(line).exit_code(), 2, "{line}");
        }
        parse("sluice app lease shop --end").expect("ends");
    }
}
