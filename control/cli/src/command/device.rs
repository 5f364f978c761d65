//! `sluice device`

use sluice_node_api::v1::ListDevicesRequest;

use super::Context;
use crate::args::DeviceCommand;
use crate::error::CliError;
use crate::view::{self, DeviceView, Rows};

pub(super) async fn run(context: &Context, command: DeviceCommand) -> Result<(), CliError> {
    let DeviceCommand::List = command;
    let devices = context.client().await?.list_devices(ListDevicesRequest {}).await?.into_inner().devices;
    Ok(view::show(context.output, &Rows(devices.into_iter().map(DeviceView::from).collect()))?)
}
