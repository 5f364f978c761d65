//! `sluice demo`: a node, a sensitive application beside a greedy one, and a proof, on any machine, in half a minute.
//!
//! `stage` makes a temporary folder, a node on a file in it and the volumes; `apps` says what each application does;
//! `act` switches the greedy one and the sensitive one's Min on; `load` drives both with verifying load over NVMe/TCP
//! on the loopback; `display` shows it, `summary` sums it up. Nothing here is special to the demo's node: it serves as
//! `sluiced` does, and a host may connect to it.
//!
//! The demo succeeds if every block was right. Whether the Min was kept is told and not judged: a machine that takes
//! the node's core away breaks any promise, and perf/isolation is where the scheduler is held to its gates.

mod act;
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
use act::Play;
use apps::{GREEDY, SENSITIVE};
use display::Display;
use interrupt::Interrupt;
use load::Board;
use stage::Stage;
use summary::Summary;

/// Acts of equal length.
const ACTS: u32 = 3;

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

/// Plays the acts and shows what they proved.
async fn prove(
    stage: &Stage,
    output: Output,
    run_time: Duration,
    interrupt: &Interrupt,
) -> Result<(), CliError> {
    let act = run_time / ACTS;
    let play = Play::new(stage.api(), act).await?;
    let board = Board::new(Display::new());
    let sensitive = board.drive(SENSITIVE, stage.volumes[SENSITIVE].job(run_time), interrupt);
    board.measuring().await;
    let mut greedy = None;
    let begin = || greedy = Some(board.drive(GREEDY, stage.volumes[GREEDY].job(act * 2), interrupt));
    let played = tokio::select! {
        isolation = play.run(|act| board.set_act(act), begin) => Some(isolation?),
        () = interrupt.wait() => None,
    };
    let mut report = sensitive.report().await?;
    if let Some(greedy) = greedy {
        report.jobs.extend(greedy.report().await?.jobs);
    }
    let Some(isolation) = played.filter(|_| !interrupt.came()) else {
        return Err(DemoError::Interrupted.into());
    };
    let summary = Summary::new(&report, &stage.volumes, isolation);
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
