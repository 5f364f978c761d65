//! Calls about volumes.
//!
//! A volume's name is unique on the node, but each pool knows only its own volumes: a call that changes a volume
//! holds its name ([`Names`]) while it looks through the pools and acts on one.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sluice_node_api::{Size, v1};
use sluice_target::handle::VolumeStatus;
use sluice_target::{ControlError, ReactorHandle};
use sluice_volume::thin::{CloneSpec, Provision};
use sluice_volume::{BlockSize, VolumeSpec};
use uuid::Uuid;

use super::error::NodeError;
use super::messages;
use crate::node::{NodeState, Slot};

/// Names of volumes that a call is changing.
#[derive(Debug, Default)]
pub(super) struct Names(Mutex<BTreeSet<String>>);

/// A held name; given back when dropped.
#[derive(Debug)]
pub(super) struct HeldName<'a> {
    names: &'a Names,
    name: String,
}

impl Names {
    /// Holds a name. Fails if another call holds it.
    pub(super) fn hold(&self, name: &str) -> Result<HeldName<'_>, NodeError> {
        if !self.set().insert(name.to_owned()) {
            return Err(NodeError::InUse { name: name.to_owned() });
        }
        Ok(HeldName { names: self, name: name.to_owned() })
    }

    fn set(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for HeldName<'_> {
    fn drop(&mut self) {
        self.names.set().remove(&self.name);
    }
}

/// Where a volume was found.
pub(super) struct Found<'a> {
    pub(super) slot: &'a Slot,
    pub(super) handle: ReactorHandle,
    status: VolumeStatus,
}

impl Found<'_> {
    pub(super) fn pool(&self) -> &str {
        &self.slot.config.name
    }

    fn message(self, status: VolumeStatus) -> v1::Volume {
        messages::volume(&self.slot.config.name, status)
    }
}

async fn look<'a>(state: &'a NodeState, name: &str) -> Result<Option<Found<'a>>, NodeError> {
    for (slot, handle) in state.serving() {
        if let Some(status) = there(handle.volume(name).await)? {
            return Ok(Some(Found { slot, handle, status }));
        }
    }
    Ok(None)
}

/// What a pool has under a name; `None`: another pool may.
pub(super) fn there<T>(answer: Result<T, ControlError>) -> Result<Option<T>, NodeError> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(ControlError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn find<'a>(state: &'a NodeState, name: &str) -> Result<Found<'a>, NodeError> {
    look(state, name).await?.ok_or_else(|| NodeError::NoVolume { name: name.to_owned() })
}

pub(super) async fn list(state: &NodeState, app: &str) -> Result<Vec<v1::Volume>, NodeError> {
    let mut volumes = Vec::new();
    for (slot, handle) in state.serving() {
        let all = handle.volumes().await?.into_iter();
        let wanted = all.filter(|volume| app.is_empty() || volume.app == app);
        volumes.extend(wanted.map(|volume| messages::volume(&slot.config.name, volume)));
    }
    volumes.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(volumes)
}

pub(super) async fn get(state: &NodeState, name: &str) -> Result<v1::Volume, NodeError> {
    let found = find(state, name).await?;
    let status = found.status.clone();
    Ok(found.message(status))
}

pub(super) async fn create(
    state: &NodeState,
    names: &Names,
    request: v1::CreateVolumeRequest,
) -> Result<v1::Volume, NodeError> {
    let block_size = block_size(request.block_size)?;
    let _held = names.hold(&request.name)?;
    if let Some(found) = look(state, &request.name).await? {
        refuse_other(&found, &request, block_size)?;
        let status = found.status.clone();
        return Ok(found.message(status));
    }
    let (slot, handle) = state.pool(&request.pool)?;
    let v1::CreateVolumeRequest { name, app, size_bytes, thick, .. } = request;
    let provision = if thick { Provision::Thick } else { Provision::Thin };
    let spec = VolumeSpec { name, app, size_bytes, block_size, uuid: Uuid::new_v4() };
    Ok(messages::volume(&slot.config.name, handle.create_volume(spec, provision).await?))
}

/// Every block size is a power of two that a `BlockSize` names; 0 leaves the choice to us.
fn block_size(bytes: u32) -> Result<BlockSize, NodeError> {
    match bytes {
        0 => Ok(BlockSize::B4096),
        bytes => BlockSize::from_bytes(bytes).ok_or(NodeError::BlockSize(bytes)),
    }
}

/// Creating what is there must ask for the same; the error tells all that differs.
fn refuse_other(
    found: &Found<'_>,
    request: &v1::CreateVolumeRequest,
    block_size: BlockSize,
) -> Result<(), NodeError> {
    let status = &found.status;
    let pool_asked = if request.pool.is_empty() { found.pool() } else { &request.pool };
    let pairs = [
        ("app", status.app.clone(), request.app.clone()),
        ("size", Size(status.size_bytes).to_string(), Size(request.size_bytes).to_string()),
        ("block size", status.block_size.to_string(), block_size.bytes().to_string()),
        ("provision", provision(status.provision == Provision::Thick), provision(request.thick)),
        ("pool", found.pool().to_owned(), pool_asked.to_owned()),
    ];
    let differs = |(what, is, asked): &(&str, String, String)| {
        (is != asked).then(|| format!("its {what} is {is}, not {asked}"))
    };
    let all: Vec<String> = pairs.iter().filter_map(differs).collect();
    if all.is_empty() {
        return Ok(());
    }
    Err(NodeError::Exists { name: request.name.clone(), differs: all.join(", ") })
}

fn provision(thick: bool) -> String {
    if thick { "thick" } else { "thin" }.to_owned()
}

pub(super) async fn clone(
    state: &NodeState,
    names: &Names,
    request: v1::CloneVolumeRequest,
) -> Result<v1::Volume, NodeError> {
    let v1::CloneVolumeRequest { source, name, app } = request;
    let _held = names.hold(&name)?;
    let spec = CloneSpec { name, app, uuid: Uuid::new_v4() };
    if let Some(found) = look(state, &spec.name).await? {
        // The same clone, or what differs; a source in another pool cannot be its own.
        let cloned = there(found.handle.clone_volume(&source, spec.clone()).await)?;
        let differs = format!("it is no clone of {source:?}");
        let status = cloned.ok_or(NodeError::Exists { name: spec.name, differs })?;
        return Ok(found.message(status));
    }
    for (slot, handle) in state.serving() {
        if let Some(status) = there(handle.clone_volume(&source, spec.clone()).await)? {
            return Ok(messages::volume(&slot.config.name, status));
        }
    }
    Err(NodeError::NoSource { name: source })
}

pub(super) async fn resize(
    state: &NodeState,
    names: &Names,
    request: v1::ResizeVolumeRequest,
) -> Result<v1::Volume, NodeError> {
    let v1::ResizeVolumeRequest { name, size_bytes } = request;
    let _held = names.hold(&name)?;
    let found = find(state, &name).await?;
    let status = found.handle.resize(&name, size_bytes).await?;
    Ok(found.message(status))
}

pub(super) async fn rollback(
    state: &NodeState,
    names: &Names,
    request: v1::RollbackVolumeRequest,
) -> Result<v1::Volume, NodeError> {
    let v1::RollbackVolumeRequest { name, snapshot, connected } = request;
    let _held = names.hold(&name)?;
    let found = find(state, &name).await?;
    let rolled = there(found.handle.rollback(&name, &snapshot, connected).await)?;
    let status = rolled.ok_or_else(|| NodeError::NoSnapshot { name: format!("{name}@{snapshot}") })?;
    Ok(found.message(status))
}

pub(super) async fn delete(state: &NodeState, names: &Names, name: &str) -> Result<(), NodeError> {
    let _held = names.hold(name)?;
    let found = find(state, name).await?;
    Ok(found.handle.delete_volume(name).await?)
}

pub(super) async fn publish(
    state: &NodeState,
    names: &Names,
    request: v1::PublishVolumeRequest,
) -> Result<v1::Volume, NodeError> {
    let access = messages::host_access(request.access)?;
    let _held = names.hold(&request.name)?;
    let found = find(state, &request.name).await?;
    let status = found.handle.publish(&request.name, access).await?;
    Ok(found.message(status))
}

pub(super) async fn unpublish(state: &NodeState, names: &Names, name: &str) -> Result<v1::Volume, NodeError> {
    let _held = names.hold(name)?;
    let found = find(state, name).await?;
    let status = found.handle.unpublish(name).await?;
    Ok(found.message(status))
}

#[cfg(test)]
mod test {
    use sluice_volume::BlockSize;

    use super::{Names, block_size};
    use crate::api::error::NodeError;

    #[test]
    fn a_name_is_held_by_one_call() {
        let names = Names::default();
        let held = names.hold("a").expect("free");
        assert!(matches!(names.hold("a"), Err(NodeError::InUse { name }) if name == "a"));
        let other = names.hold("b").expect("another name");
        drop(held);
        names.hold("a").expect("free again");
        drop(other);
    }

    #[test]
    fn block_sizes() {
        assert_eq!(block_size(0).ok(), Some(BlockSize::B4096));
        assert_eq!(block_size(512).ok(), Some(BlockSize::B512));
        assert_eq!(block_size(4096).ok(), Some(BlockSize::B4096));
        for bytes in [1, 511, 513, 1024, 4095, 4097, u32::MAX] {
            assert!(matches!(block_size(bytes), Err(NodeError::BlockSize(b)) if b == bytes));
        }
    }
}
