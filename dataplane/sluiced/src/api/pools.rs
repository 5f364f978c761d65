//! Calls about devices and pools, and finding the pool that a call is about.

use std::sync::Arc;

use sluice_node_api::v1;
use sluice_target::{Format, ReactorHandle};

use super::error::NodeError;
use super::messages;
use crate::node::{NodeState, Slot};

impl NodeState {
    /// The devices that are served, with the way to their reactors; by name.
    pub(super) fn serving(&self) -> impl Iterator<Item = (&Slot, ReactorHandle)> {
        self.slots.iter().filter_map(|slot| slot.handle().map(|handle| (slot, handle)))
    }

    fn names(&self) -> Vec<String> {
        self.slots.iter().map(|slot| slot.config.name.clone()).collect()
    }

    fn slot(&self, name: &str) -> Option<&Slot> {
        self.slots.iter().find(|slot| slot.config.name == name)
    }

    /// The place of the device of this name.
    pub(super) fn device(&self, name: &str) -> Result<usize, NodeError> {
        let index = self.slots.iter().position(|slot| slot.config.name == name);
        index.ok_or_else(|| NodeError::NoDevice { name: name.to_owned(), known: self.names() })
    }

    /// The pool of this name, or the only one if no name is given.
    pub(super) fn pool(&self, name: &str) -> Result<(&Slot, ReactorHandle), NodeError> {
        if !name.is_empty() {
            let no_pool = || NodeError::NoPool { name: name.to_owned(), known: self.names() };
            let slot = self.slot(name).ok_or_else(no_pool)?;
            return Ok((slot, served(slot)?));
        }
        let mut serving = self.serving();
        match (serving.next(), serving.next()) {
            (Some(only), None) => Ok(only),
            (Some(_), Some(_)) => Err(NodeError::WhichPool { known: self.pool_names() }),
            (None, _) => match self.slots.as_slice() {
                [only] => Err(idle(only)),
                _ => Err(NodeError::NoPools),
            },
        }
    }

    fn pool_names(&self) -> Vec<String> {
        self.serving().map(|(slot, _)| slot.config.name.clone()).collect()
    }
}

fn served(slot: &Slot) -> Result<ReactorHandle, NodeError> {
    slot.handle().ok_or_else(|| idle(slot))
}

fn idle(slot: &Slot) -> NodeError {
    let reason = slot.reason().unwrap_or_else(|| "it has just been opened".to_owned());
    NodeError::Idle { name: slot.config.name.clone(), reason }
}

pub(super) async fn devices(state: &NodeState) -> Result<v1::ListDevicesResponse, NodeError> {
    let mut devices = Vec::with_capacity(state.slots.len());
    for slot in &state.slots {
        let pool = match slot.handle() {
            Some(handle) => Some(handle.pool().await?),
            None => None,
        };
        devices.push(messages::device(slot, pool));
    }
    Ok(v1::ListDevicesResponse { devices })
}

pub(super) async fn pools(state: &NodeState) -> Result<v1::ListPoolsResponse, NodeError> {
    let mut pools = Vec::new();
    for (slot, handle) in state.serving() {
        pools.push(messages::pool(slot, &handle.pool().await?));
    }
    Ok(v1::ListPoolsResponse { pools })
}

pub(super) async fn create(
    state: Arc<NodeState>,
    request: v1::CreatePoolRequest,
) -> Result<v1::CreatePoolResponse, NodeError> {
    let format = if request.force { Format::Force } else { Format::IfBlank };
    let name = request.device;
    let index = state.device(&name)?;
    // Opening a device blocks, so it is done off the API's thread.
    let starting = Arc::clone(&state);
    let start = move || starting.slots[index].start(&starting.setup, format);
    let handle = tokio::task::spawn_blocking(start).await.map_err(|_| NodeError::Task)??;
    let pool = messages::pool(&state.slots[index], &handle.pool().await?);
    Ok(v1::CreatePoolResponse { pool: Some(pool) })
}
