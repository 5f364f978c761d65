//! `sluice snapshot`

use std::time::Duration;

use sluice_node_api::v1::{
    CreateSnapshotsRequest, DeleteSnapshotRequest, ListChangedBlocksRequest, ListPoolsRequest,
    ListSnapshotsRequest, Snapshot, SnapshotSpec,
};
use sluice_node_api::{NodeClient, Size};

use super::Context;
use crate::args::{Output, SnapshotCommand, SnapshotName};
use crate::error::CliError;
use crate::live::Live;
use crate::view::{self, ChangeView, Deleted, Row, Rows, SnapshotView, show_json, table};

/// How often a pool is asked how far it is.
const PAUSE: Duration = Duration::from_millis(100);

pub(super) async fn run(context: &Context, command: SnapshotCommand) -> Result<(), CliError> {
    let client = context.client().await?;
    match command {
        SnapshotCommand::List { volume } => list(context, client, volume).await,
        SnapshotCommand::Create { snapshots } => create(context, client, snapshots).await,
        SnapshotCommand::Delete { snapshot, wait } => delete(context, client, snapshot, wait).await,
        SnapshotCommand::Changes { snapshot, since } => changes(context, client, snapshot, since).await,
    }
}

async fn list(context: &Context, mut client: NodeClient, volume: Option<String>) -> Result<(), CliError> {
    let request = ListSnapshotsRequest { volume: volume.unwrap_or_default() };
    let snapshots = client.list_snapshots(request).await?.into_inner().snapshots;
    show(context, snapshots)
}

async fn create(
    context: &Context,
    mut client: NodeClient,
    snapshots: Vec<SnapshotName>,
) -> Result<(), CliError> {
    let spec = |one: SnapshotName| SnapshotSpec { volume: one.volume, name: one.name };
    let request = CreateSnapshotsRequest { snapshots: snapshots.into_iter().map(spec).collect() };
    let snapshots = client.create_snapshots(request).await?.into_inner().snapshots;
    show(context, snapshots)
}

async fn delete(
    context: &Context,
    mut client: NodeClient,
    snapshot: String,
    wait: bool,
) -> Result<(), CliError> {
    client.delete_snapshot(DeleteSnapshotRequest { snapshot: snapshot.clone() }).await?;
    if wait {
        reclaimed(&mut client).await?;
    }
    Ok(view::show(context.output, &Deleted { deleted: snapshot })?)
}

/// Prints extents as they come; on a terminal stderr says how far it is.
async fn changes(
    context: &Context,
    mut client: NodeClient,
    snapshot: String,
    since: Option<String>,
) -> Result<(), CliError> {
    let request = ListChangedBlocksRequest { older: since.unwrap_or_default(), newer: snapshot };
    let mut parts = client.list_changed_blocks(request).await?.into_inner();
    let (mut live, mut rows) = (Live::stderr(), Vec::new());
    while let Some(part) = parts.message().await? {
        for extent in part.extents {
            let view = ChangeView::from(extent);
            match context.output {
                Output::Json => show_json(&view)?,
                Output::Table => rows.push(view.cells()),
            }
        }
        if live.is_terminal() {
            let percent = part.told_bytes.saturating_mul(100) / part.size_bytes.max(1);
            live.draw(&format!("{percent} % of {} compared\n", Size(part.size_bytes).rounded()))?;
        }
    }
    if live.is_terminal() {
        live.draw("")?;
    }
    if context.output == Output::Table {
        print!("{}", table(ChangeView::HEADERS, rows));
    }
    Ok(())
}

fn show(context: &Context, snapshots: Vec<Snapshot>) -> Result<(), CliError> {
    Ok(view::show(context.output, &Rows(snapshots.into_iter().map(SnapshotView::from).collect()))?)
}

/// Waits until the space of what was deleted is free again, and says on a terminal how much is left.
pub(super) async fn reclaimed(client: &mut NodeClient) -> Result<(), CliError> {
    let mut live = Live::stderr();
    loop {
        let pools = client.list_pools(ListPoolsRequest {}).await?.into_inner().pools;
        if pools.iter().all(|pool| !pool.reclaiming || !pool.suspended.is_empty()) {
            break;
        }
        if live.is_terminal() {
            let left = pools.iter().map(|pool| pool.reclaiming_bytes).sum();
            live.draw(&format!("{} to be freed\n", Size(left).rounded()))?;
        }
        tokio::time::sleep(PAUSE).await;
    }
    if live.is_terminal() {
        live.draw("")?;
    }
    Ok(())
}
