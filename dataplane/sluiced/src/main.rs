//! `sluiced`: reads its configuration, runs the node until SIGTERM or SIGINT, and drains it.
//!
//! Exit codes: 0 after a shutdown that was asked for; 1 if the node does not start; 2 for a configuration or a
//! command line that is wrong. A second signal ends the process at once, with 130.

#![forbid(unsafe_code)]

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use sluiced::Node;
use sluiced::config::{Config, default_config};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Serves volumes over NVMe/TCP.
#[derive(Debug, Parser)]
#[command(name = "sluiced", version, max_term_width = 110)]
struct Args {
    /// The configuration file.
    #[arg(long, value_name = "FILE", required_unless_present = "print_default_config")]
    config: Option<PathBuf>,
    /// Check the configuration and exit: 0 if it is right, 2 if not. Opens no device.
    #[arg(long)]
    check_config: bool,
    /// Print every option with its meaning, range and default, and exit.
    #[arg(long, exclusive = true)]
    print_default_config: bool,
}

fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    let Some(path) = args.config else {
        print!("{}", default_config());
        return Ok(ExitCode::SUCCESS);
    };
    let config = match Config::read(&path) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("error: {}: {error}", path.display());
            return Ok(ExitCode::from(2));
        }
    };
    if args.check_config {
        println!("{} is right", path.display());
        return Ok(ExitCode::SUCCESS);
    }
    start_log(&config.log)?;
    run(config)?;
    Ok(ExitCode::SUCCESS)
}

fn start_log(filter: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter).context("the log filter was checked, but is not taken")?;
    let stderr = std::io::stderr;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr)
        .with_ansi(stderr().is_terminal())
        .init();
    Ok(())
}

/// Signals are caught before the node starts, so that one that comes early still ends it in order.
fn run(config: Config) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut signals = Signals::new().context("cannot catch signals")?;
        let node = Node::start(config)?;
        tell_supervisor("READY=1");
        signals.next().await;
        tell_supervisor("STOPPING=1");
        tracing::info!("shutting down; a second signal ends the process at once");
        let shutdown = tokio::task::spawn_blocking(|| node.shutdown());
        tokio::select! {
            done = shutdown => done.context("the shutdown failed"),
            () = signals.next() => std::process::exit(130),
        }
    })
}

fn tell_supervisor(state: &str) {
    if let Err(error) = sluiced::notify(state) {
        tracing::warn!(%error, state, "the supervisor cannot be told");
    }
}

/// SIGTERM and SIGINT.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// The next of either.
    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => (),
            _ = self.interrupt.recv() => (),
        }
    }
}
