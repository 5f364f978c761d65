//! `sluice drive`

use sluice_node_api::v1::ListDrivesRequest;

use super::Context;
use crate::args::DriveCommand;
use crate::error::CliError;
use crate::view::{self, DriveView, Rows};

pub(super) async fn run(context: &Context, command: DriveCommand) -> Result<(), CliError> {
    let DriveCommand::List = command;
    let drives = context.client().await?.list_drives(ListDrivesRequest {}).await?.into_inner().drives;
    Ok(view::show(context.output, &Rows(drives.into_iter().map(DriveView::from).collect()))?)
}
