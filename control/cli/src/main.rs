//! `sluice`: reads the command line, runs it, and exits with the code that `sluice --help` explains.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;
use sluice_cli::Cli;

fn main() -> anyhow::Result<ExitCode> {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match runtime.block_on(sluice_cli::run(cli)) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => {
            eprintln!("error: {error}");
            Ok(ExitCode::from(error.exit_code()))
        }
    }
}
