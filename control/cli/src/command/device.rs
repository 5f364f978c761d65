//! `sluice device`

use sluice_node_api::NodeClient;
use sluice_node_api::v1::erase_device_request::Erase;
use sluice_node_api::v1::{
    self, Device, EraseDeviceRequest, FormatDrive, ListDevicesRequest, SanitizeDrive, SanitizeMethod,
};

use super::Context;
use crate::args::{DeviceCommand, FormatArgs, SanitizeArgs, SanitizeBy, SecureErase};
use crate::error::CliError;
use crate::view::{self, DeviceView, EventView, Rows};

pub(super) async fn run(context: &Context, command: DeviceCommand) -> Result<(), CliError> {
    let mut client = context.client().await?;
    let devices: Vec<Device> = match command {
        DeviceCommand::List => listed(&mut client).await?,
        DeviceCommand::Events { device } => {
            let devices = listed(&mut client).await?.into_iter();
            let wanted = devices.filter(|one| device.as_ref().is_none_or(|name| *name == one.name));
            return Ok(view::show(context.output, &Rows(wanted.flat_map(EventView::of).collect()))?);
        }
        DeviceCommand::Format(args) => vec![erased(&mut client, format(args)).await?],
        DeviceCommand::Sanitize(args) => vec![erased(&mut client, sanitize(args)).await?],
    };
    Ok(view::show(context.output, &Rows(devices.into_iter().map(DeviceView::from).collect()))?)
}

async fn listed(client: &mut NodeClient) -> Result<Vec<Device>, CliError> {
    Ok(client.list_devices(ListDevicesRequest {}).await?.into_inner().devices)
}

async fn erased(client: &mut NodeClient, request: EraseDeviceRequest) -> Result<Device, CliError> {
    let device = client.erase_device(request).await?.into_inner().device;
    device.ok_or(CliError::Incomplete("device"))
}

fn format(FormatArgs { device, block_size, erase, force }: FormatArgs) -> EraseDeviceRequest {
    let secure_erase = match erase {
        None => v1::SecureErase::Unspecified,
        Some(SecureErase::Data) => v1::SecureErase::UserData,
        Some(SecureErase::Key) => v1::SecureErase::Cryptographic,
    };
    let block_size = block_size.unwrap_or_default();
    let format = FormatDrive { block_size, secure_erase: secure_erase.into() };
    EraseDeviceRequest { device, erase: Some(Erase::Format(format)), force }
}

fn sanitize(SanitizeArgs { device, by, force }: SanitizeArgs) -> EraseDeviceRequest {
    let method = match by {
        SanitizeBy::BlockErase => SanitizeMethod::BlockErase,
        SanitizeBy::CryptoErase => SanitizeMethod::CryptoErase,
        SanitizeBy::Overwrite => SanitizeMethod::Overwrite,
    };
    let sanitize = SanitizeDrive { method: method.into() };
    EraseDeviceRequest { device, erase: Some(Erase::Sanitize(sanitize)), force }
}
