//! Calls about snapshots.

use std::pin::Pin;
use std::sync::Arc;

use sluice_node_api::v1;
use sluice_target::ReactorHandle;
use sluice_target::handle::SnapshotAsk;
use tokio::sync::mpsc;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use uuid::Uuid;

use super::error::NodeError;
use super::messages;
use super::volumes::{Names, find, there};
use crate::node::NodeState;

/// Parts of an answer that wait for a slow caller.
const PARTS: usize = 4;

/// The parts of what changed.
pub(super) type ChangedBlocks =
    Pin<Box<dyn Stream<Item = Result<v1::ListChangedBlocksResponse, Status>> + Send>>;

pub(super) async fn create(
    state: &NodeState,
    names: &Names,
    request: v1::CreateSnapshotsRequest,
) -> Result<Vec<v1::Snapshot>, NodeError> {
    let group = request.snapshots;
    let Some(first) = group.first() else { return Err(NodeError::NoSnapshots) };
    let mut held = Vec::with_capacity(group.len());
    for spec in &group {
        held.push(names.hold(&spec.volume)?);
    }
    let found = find(state, &first.volume).await?;
    for spec in &group[1..] {
        let other = find(state, &spec.volume).await?;
        if other.pool() != found.pool() {
            let (first, other) = (first.volume.clone(), spec.volume.clone());
            return Err(NodeError::Pools { first, other, pool: found.pool().to_owned() });
        }
    }
    let ask = |spec: &v1::SnapshotSpec| SnapshotAsk {
        volume: spec.volume.clone(),
        name: spec.name.clone(),
        uuid: Uuid::new_v4(),
    };
    let taken = found.handle.snapshot(group.iter().map(ask).collect()).await?;
    Ok(taken.into_iter().map(|status| messages::snapshot(found.pool(), status)).collect())
}

pub(super) async fn delete(state: &NodeState, snapshot: &str) -> Result<(), NodeError> {
    for (_, handle) in state.serving() {
        if there(handle.delete_snapshot(snapshot).await)?.is_some() {
            return Ok(());
        }
    }
    Err(NodeError::NoSnapshot { name: snapshot.to_owned() })
}

pub(super) async fn list(state: &NodeState, volume: &str) -> Result<Vec<v1::Snapshot>, NodeError> {
    let mut all = Vec::new();
    if !volume.is_empty() {
        let found = find(state, volume).await?;
        let of_volume = found.handle.snapshots(volume).await?.into_iter();
        return Ok(of_volume.map(|status| messages::snapshot(found.pool(), status)).collect());
    }
    for (slot, handle) in state.serving() {
        let of_pool = handle.snapshots("").await?.into_iter();
        all.extend(of_pool.map(|status| messages::snapshot(&slot.config.name, status)));
    }
    all.sort_by_cached_key(|snapshot| (snapshot.volume.clone(), snapshot.created_us, snapshot.name.clone()));
    Ok(all)
}

/// Finds the pool that has both snapshots, and goes on telling until the caller goes or all is told.
pub(super) async fn changed_blocks(
    state: Arc<NodeState>,
    request: v1::ListChangedBlocksRequest,
) -> Result<ChangedBlocks, NodeError> {
    let v1::ListChangedBlocksRequest { older, newer } = request;
    for (_, handle) in state.serving() {
        let Some(first) = there(handle.changes(&older, &newer, 0).await)? else { continue };
        let (parts, answer) = mpsc::channel(PARTS);
        tokio::spawn(async move {
            let mut next = first.next;
            if parts.send(Ok(messages::changes(&first))).await.is_err() {
                return;
            }
            while let Some(from) = next {
                let (part, then) = part(&handle, &older, &newer, from).await;
                next = then;
                if parts.send(part).await.is_err() {
                    return;
                }
            }
        });
        return Ok(Box::pin(ReceiverStream::new(answer)));
    }
    Err(NodeError::NoSnapshot { name: if older.is_empty() { newer } else { format!("{older}, {newer}") } })
}

/// The next part, and where the one behind it begins.
async fn part(
    handle: &ReactorHandle,
    older: &str,
    newer: &str,
    from: u64,
) -> (Result<v1::ListChangedBlocksResponse, Status>, Option<u64>) {
    match handle.changes(older, newer, from).await {
        Ok(page) => (Ok(messages::changes(&page)), page.next),
        Err(error) => (Err(NodeError::from(error).into()), None),
    }
}
