//! `sluice pool check`: a pool's metadata, read from its device while no daemon serves it.

use std::io::{self, IsTerminal, Write};
use std::thread;
use std::time::{Duration, Instant};

use sluice_device::Nanos;
use sluice_volume::VolumeError;
use sluice_volume::thin::{CheckProgress, CheckReport, Repaired, ThinCheck, ThinRepair};
use sluiced::open_offline;

use super::Context;
use crate::args::CheckArgs;
use crate::error::CliError;
use crate::view::{self, CheckView};

/// Between two looks at a device that is busy, and between two lines of progress.
const PAUSE: Duration = Duration::from_micros(50);
const TELL_EVERY: Duration = Duration::from_millis(200);

/// Checks a device, and repairs what is on it if asked to.
///
/// # Errors
/// [`CliError::Offline`], [`CliError::Check`]; [`CliError::Unsound`] once the findings are shown.
pub(super) fn run(context: &Context, args: &CheckArgs) -> Result<(), CliError> {
    let (device, buffers) = open_offline(&args.device, args.block_size)?;
    let Repaired { before, after } = if args.repair {
        let mut repair = ThinRepair::new(device, &buffers)?;
        drive(&mut repair, ThinRepair::poll, ThinRepair::progress)?
    } else {
        let mut check = ThinCheck::new(device, &buffers)?;
        let before = drive(&mut check, ThinCheck::poll, ThinCheck::progress)?;
        Repaired { before, after: None }
    };
    view::show(context.output, &CheckView { before: &before, after: after.as_ref() })?;
    verdict(after.as_ref().unwrap_or(&before))
}

/// What the exit code says of a pool.
fn verdict(report: &CheckReport) -> Result<(), CliError> {
    match report.complaints.len() {
        0 => Ok(()),
        findings => Err(CliError::Unsound { findings, repairable: report.is_repairable() }),
    }
}

/// Steps a machine until it is done, and tells how far it is if somebody watches.
fn drive<M, T>(
    machine: &mut M,
    poll: fn(&mut M, Nanos) -> Option<Result<T, VolumeError>>,
    progress: fn(&M) -> CheckProgress,
) -> Result<T, VolumeError> {
    let (begun, mut told, watched) = (Instant::now(), Duration::ZERO, io::stderr().is_terminal());
    let clear = if watched { "\r\x1b[K" } else { "" };
    loop {
        let elapsed = begun.elapsed();
        let now = Nanos(u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX));
        if let Some(result) = poll(machine, now) {
            eprint!("{clear}");
            return result;
        }
        if watched && elapsed - told >= TELL_EVERY {
            told = elapsed;
            eprint!("{clear}{}", progress(machine));
            // Progress that cannot be shown is no reason to stop.
            let _shown = io::stderr().flush();
        }
        thread::sleep(PAUSE);
    }
}
