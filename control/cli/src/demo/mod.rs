//! `sluice demo`: a node, two applications and a proof, on any machine, in half a minute.
//!
//! `stage` makes a temporary folder, a node on a file in it and the volumes; `apps` says what each application does;
//! `load` drives both with verifying load over NVMe/TCP on the loopback; `display` shows it, `summary` sums it up.
//! Nothing here is special to the demo's node: it serves as `sluiced` does, and a host may connect to it.

mod apps;
mod display;
mod interrupt;
mod load;
mod stage;
mod summary;

use std::io;
use std::time::Duration;

use crate::args::{DemoArgs, Output};
use crate::error::CliError;
use crate::view;
use display::Display;
use interrupt::Interrupt;
use stage::Stage;
use summary::Summary;

/// Why the demo failed.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// No temporary folder.
    #[error("cannot make a temporary folder: {0}; --folder gives another place")]
    Folder(io::Error),
    /// The node's configuration, which `--listen` is part of.
    #[error(transparent)]
    Config(sluiced::config::ConfigError),
    /// The node does not start.
    #[error("the node does not start: {0}")]
    Node(sluiced::StartError),
    /// The load does not start.
    #[error("the load does not start: {0}")]
    Load(sluice_perf::RunError),
    /// A thread panicked.
    #[error("a thread of the demo panicked")]
    Thread,
    /// The result says what was wrong.
    #[error("not everything was verified")]
    NotVerified,
    /// SIGINT or SIGTERM came before the proof was complete.
    #[error("interrupted before everything was verified")]
    Interrupted,
}

impl DemoError {
    /// What the process exits with.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            DemoError::Interrupted => 130,
            _ => 1,
        }
    }
}

/// Runs the demo. When it returns, the node is stopped and the folder is gone, however it went.
pub(crate) async fn run(output: Output, args: DemoArgs) -> Result<(), CliError> {
    let interrupt = Interrupt::watch()?;
    let stage = Stage::set_up(args.folder.as_deref(), args.listen).await?;
    eprintln!("A node serves from {}; its API is {}.", stage.folder.path().display(), stage.api());
    let outcome = prove(&stage, output, Duration::from_secs(args.seconds.into()), &interrupt).await;
    if outcome.is_ok() && args.keep {
        keep(&stage, &interrupt).await;
    }
    tokio::task::spawn_blocking(|| drop(stage)).await.map_err(|_| DemoError::Thread)?;
    outcome
}

/// Drives the load and shows what it proved.
async fn prove(
    stage: &Stage,
    output: Output,
    run_time: Duration,
    interrupt: &Interrupt,
) -> Result<(), CliError> {
    let jobs =
        stage.volumes.iter().map(|volume| volume.app.job(volume.address, &volume.nqn, run_time)).collect();
    let report = load::drive(jobs, Display::new(), interrupt).await?;
    if interrupt.came() {
        return Err(DemoError::Interrupted.into());
    }
    let summary = Summary::new(&report, &stage.volumes);
    view::show(output, &summary)?;
    if summary.verified { Ok(()) } else { Err(DemoError::NotVerified.into()) }
}

/// Leaves the node up until a signal comes.
async fn keep(stage: &Stage, interrupt: &Interrupt) {
    eprintln!("\nThe node stays up until Ctrl-C, and its data go with it. On a host, as root:");
    for volume in &stage.volumes {
        eprintln!("  {}", crate::connect::command(volume.address, &volume.nqn, None));
    }
    eprintln!("Look at it from another terminal:\n  sluice --node {} stats --watch", stage.api());
    interrupt.wait().await;
}
