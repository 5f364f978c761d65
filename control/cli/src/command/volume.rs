//! `sluice volume`

use std::net::SocketAddr;

use sluice_node_api::v1::{
    AnyHost, CloneVolumeRequest, CreateVolumeRequest, DeleteVolumeRequest, GetVolumeRequest, HostAccess,
    HostList, ListVolumesRequest, PublishVolumeRequest, ResizeVolumeRequest, RollbackVolumeRequest,
    UnpublishVolumeRequest, Volume, host_access,
};
use sluice_node_api::{NodeClient, Size};

use super::Context;
use super::snapshot::reclaimed;
use crate::args::{CloneArgs, CreateArgs, PublishArgs, SnapshotName, VolumeCommand};
use crate::error::CliError;
use crate::view::{self, Deleted, Published, Rows, VolumeView};

pub(super) async fn run(context: &Context, command: VolumeCommand) -> Result<(), CliError> {
    let client = context.client().await?;
    match command {
        VolumeCommand::List { app } => list(context, client, app).await,
        VolumeCommand::Show { name } => show(context, client, name).await,
        VolumeCommand::Create(args) => create(context, client, args).await,
        VolumeCommand::Clone(args) => clone(context, client, args).await,
        VolumeCommand::Resize { name, size } => resize(context, client, name, size).await,
        VolumeCommand::Rollback { snapshot, connected } => {
            rollback(context, client, snapshot, connected).await
        }
        VolumeCommand::Delete { name, wait } => delete(context, client, name, wait).await,
        VolumeCommand::Publish(args) => publish(context, client, args).await,
        VolumeCommand::Unpublish { name } => unpublish(context, client, name).await,
    }
}

async fn list(context: &Context, mut client: NodeClient, app: Option<String>) -> Result<(), CliError> {
    let request = ListVolumesRequest { app: app.unwrap_or_default() };
    let volumes = client.list_volumes(request).await?.into_inner().volumes;
    Ok(view::show(context.output, &Rows(volumes.into_iter().map(VolumeView::from).collect()))?)
}

async fn show(context: &Context, mut client: NodeClient, name: String) -> Result<(), CliError> {
    let volume = client.get_volume(GetVolumeRequest { name }).await?.into_inner().volume;
    show_volume(context, volume)
}

async fn create(context: &Context, mut client: NodeClient, args: CreateArgs) -> Result<(), CliError> {
    let request = CreateVolumeRequest {
        name: args.name,
        app: args.app,
        size_bytes: args.size.0,
        block_size: args.block_size,
        pool: args.pool.unwrap_or_default(),
        thick: args.thick,
    };
    let volume = client.create_volume(request).await?.into_inner().volume;
    show_volume(context, volume)
}

async fn clone(context: &Context, mut client: NodeClient, args: CloneArgs) -> Result<(), CliError> {
    let request = CloneVolumeRequest { source: args.source, name: args.name, app: args.app };
    let volume = client.clone_volume(request).await?.into_inner().volume;
    show_volume(context, volume)
}

async fn resize(context: &Context, mut client: NodeClient, name: String, size: Size) -> Result<(), CliError> {
    let request = ResizeVolumeRequest { name, size_bytes: size.0 };
    let volume = client.resize_volume(request).await?.into_inner().volume;
    show_volume(context, volume)
}

async fn rollback(
    context: &Context,
    mut client: NodeClient,
    snapshot: SnapshotName,
    connected: bool,
) -> Result<(), CliError> {
    let SnapshotName { volume, name } = snapshot;
    let request = RollbackVolumeRequest { name: volume, snapshot: name, connected };
    let volume = client.rollback_volume(request).await?.into_inner().volume;
    show_volume(context, volume)
}

async fn delete(context: &Context, mut client: NodeClient, name: String, wait: bool) -> Result<(), CliError> {
    client.delete_volume(DeleteVolumeRequest { name: name.clone() }).await?;
    if wait {
        reclaimed(&mut client).await?;
    }
    Ok(view::show(context.output, &Deleted { deleted: name })?)
}

async fn publish(context: &Context, mut client: NodeClient, args: PublishArgs) -> Result<(), CliError> {
    let access = match args.any_host {
        true => host_access::Access::AnyHost(AnyHost {}),
        false => host_access::Access::Hosts(HostList { nqns: args.hosts }),
    };
    let request = PublishVolumeRequest { name: args.name, access: Some(HostAccess { access: Some(access) }) };
    let answer = client.publish_volume(request).await?.into_inner();
    let volume = answer.volume.ok_or(CliError::Incomplete("volume"))?;
    let listeners = parse_listeners(&answer.nvme_tcp_listeners)?;
    Ok(view::show(context.output, &Published::new(volume.into(), &listeners, &context.node))?)
}

async fn unpublish(context: &Context, mut client: NodeClient, name: String) -> Result<(), CliError> {
    let volume = client.unpublish_volume(UnpublishVolumeRequest { name }).await?.into_inner().volume;
    show_volume(context, volume)
}

fn show_volume(context: &Context, volume: Option<Volume>) -> Result<(), CliError> {
    let volume = volume.ok_or(CliError::Incomplete("volume"))?;
    Ok(view::show(context.output, &VolumeView::from(volume))?)
}

/// Listening addresses as the node gives them.
pub(crate) fn parse_listeners(listeners: &[String]) -> Result<Vec<SocketAddr>, CliError> {
    let parse = |listener: &String| listener.parse().map_err(|_| CliError::Incomplete("listening address"));
    listeners.iter().map(parse).collect()
}
