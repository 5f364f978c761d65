//! The commands: each asks the node and shows the answer.

mod app;
mod check;
mod connection;
mod device;
mod drive;
mod host;
mod node;
mod pool;
mod snapshot;
mod stats;
mod top;
mod volume;

use std::io;

use clap::CommandFactory;
use sluice_node_api::{ApiAddress, NodeClient, connect};

use crate::args::{Cli, Command, Output};
use crate::demo;
use crate::error::CliError;

/// Where to ask and how to answer.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    pub(crate) node: ApiAddress,
    pub(crate) output: Output,
}

impl Context {
    /// Connects to the node.
    pub(crate) async fn client(&self) -> Result<NodeClient, CliError> {
        connect(&self.node).await.map_err(|error| CliError::unreachable(&self.node, &error))
    }
}

/// Does what the command line says.
///
/// # Errors
/// See [`CliError`].
pub async fn run(cli: Cli) -> Result<(), CliError> {
    let context = Context { node: cli.node, output: cli.output };
    match cli.command {
        Command::Node => node::show(&context).await,
        Command::Device(command) => device::run(&context, command).await,
        Command::Drive(command) => drive::run(&context, command).await,
        Command::Pool(command) => pool::run(&context, command).await,
        Command::Volume(command) => volume::run(&context, command).await,
        Command::Snapshot(command) => snapshot::run(&context, command).await,
        Command::App(command) => app::run(&context, command).await,
        Command::Connection(command) => connection::run(&context, command).await,
        Command::Host(command) => host::run(&context, command),
        Command::Stats(args) => stats::run(&context, args).await,
        Command::Top(args) => top::run(&context, args).await,
        Command::Demo(args) => demo::run(context.output, args).await,
        Command::Completion { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "sluice", &mut io::stdout());
            Ok(())
        }
    }
}
