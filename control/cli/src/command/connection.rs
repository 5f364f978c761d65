//! `sluice connection`

use sluice_node_api::v1::ListConnectionsRequest;

use super::Context;
use crate::args::ConnectionCommand;
use crate::error::CliError;
use crate::view::{self, ConnectionView, Rows};

pub(super) async fn run(context: &Context, command: ConnectionCommand) -> Result<(), CliError> {
    let ConnectionCommand::List { volume } = command;
    let request = ListConnectionsRequest { volume: volume.unwrap_or_default() };
    let connections = context.client().await?.list_connections(request).await?.into_inner().connections;
    Ok(view::show(context.output, &Rows(connections.into_iter().map(ConnectionView::from).collect()))?)
}
