//! Takes the calls: unpacks requests, packs answers, and keeps changes going when their caller goes away.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use sluice_node_api::v1;
use sluice_node_api::v1::node_server::Node;
use tonic::{Request, Response, Status};

use super::error::NodeError;
use super::snapshots::ChangedBlocks;
use super::volumes::Names;
use super::{apps, drives, erase, messages, pools, snapshots, stats, volumes};
use crate::node::NodeState;

/// The service.
#[derive(Clone, Debug)]
pub(super) struct Service(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    node: Arc<NodeState>,
    listeners: Vec<SocketAddr>,
    names: Names,
}

type Answer<T> = Result<Response<T>, Status>;

impl Service {
    pub(super) fn new(node: Arc<NodeState>, listeners: Vec<SocketAddr>) -> Service {
        Service(Arc::new(Inner { node, listeners, names: Names::default() }))
    }

    /// Runs a change as a task of its own. A call whose caller goes away is dropped wherever it waits; the reactor
    /// would finish the change all the same, and the volume's name must stay held until then.
    async fn change<T, F>(&self, change: impl FnOnce(Arc<Inner>) -> F) -> Answer<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, NodeError>> + Send + 'static,
    {
        let outcome = tokio::spawn(change(Arc::clone(&self.0))).await;
        Ok(Response::new(outcome.map_err(|_| NodeError::Task)??))
    }
}

#[tonic::async_trait]
impl Node for Service {
    async fn get_node(&self, _: Request<v1::GetNodeRequest>) -> Answer<v1::GetNodeResponse> {
        let node = &self.0.node;
        let (polling, spin_us) = messages::polling(node.setup.polling);
        Ok(Response::new(v1::GetNodeResponse {
            name: node.name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime_ns: messages::nanos(node.started.elapsed()),
            nvme_tcp_listeners: messages::listeners(&self.0.listeners),
            discovery_nqn: sluice_target::nqn::DISCOVERY.to_owned(),
            reactors: node.serving().map(|(slot, _)| messages::reactor(slot)).collect(),
            polling: polling.into(),
            spin_us,
        }))
    }

    async fn list_devices(&self, _: Request<v1::ListDevicesRequest>) -> Answer<v1::ListDevicesResponse> {
        Ok(Response::new(pools::devices(&self.0.node).await?))
    }

    async fn list_drives(&self, _: Request<v1::ListDrivesRequest>) -> Answer<v1::ListDrivesResponse> {
        Ok(Response::new(drives::drives(&self.0.node).await?))
    }

    async fn list_pools(&self, _: Request<v1::ListPoolsRequest>) -> Answer<v1::ListPoolsResponse> {
        Ok(Response::new(pools::pools(&self.0.node).await?))
    }

    async fn create_pool(&self, request: Request<v1::CreatePoolRequest>) -> Answer<v1::CreatePoolResponse> {
        let request = request.into_inner();
        self.change(|inner| pools::create(Arc::clone(&inner.node), request)).await
    }

    async fn erase_device(
        &self,
        request: Request<v1::EraseDeviceRequest>,
    ) -> Answer<v1::EraseDeviceResponse> {
        let request = request.into_inner();
        self.change(|inner| erase::erase(Arc::clone(&inner.node), request)).await
    }

    async fn create_volume(
        &self,
        request: Request<v1::CreateVolumeRequest>,
    ) -> Answer<v1::CreateVolumeResponse> {
        let request = request.into_inner();
        let create = |inner: Arc<Inner>| async move {
            let volume = Some(volumes::create(&inner.node, &inner.names, request).await?);
            Ok(v1::CreateVolumeResponse { volume })
        };
        self.change(create).await
    }

    async fn delete_volume(
        &self,
        request: Request<v1::DeleteVolumeRequest>,
    ) -> Answer<v1::DeleteVolumeResponse> {
        let name = request.into_inner().name;
        let delete = |inner: Arc<Inner>| async move {
            volumes::delete(&inner.node, &inner.names, &name).await?;
            Ok(v1::DeleteVolumeResponse {})
        };
        self.change(delete).await
    }

    async fn clone_volume(
        &self,
        request: Request<v1::CloneVolumeRequest>,
    ) -> Answer<v1::CloneVolumeResponse> {
        let request = request.into_inner();
        let clone = |inner: Arc<Inner>| async move {
            let volume = Some(volumes::clone(&inner.node, &inner.names, request).await?);
            Ok(v1::CloneVolumeResponse { volume })
        };
        self.change(clone).await
    }

    async fn resize_volume(
        &self,
        request: Request<v1::ResizeVolumeRequest>,
    ) -> Answer<v1::ResizeVolumeResponse> {
        let request = request.into_inner();
        let resize = |inner: Arc<Inner>| async move {
            let volume = Some(volumes::resize(&inner.node, &inner.names, request).await?);
            Ok(v1::ResizeVolumeResponse { volume })
        };
        self.change(resize).await
    }

    async fn rollback_volume(
        &self,
        request: Request<v1::RollbackVolumeRequest>,
    ) -> Answer<v1::RollbackVolumeResponse> {
        let request = request.into_inner();
        let rollback = |inner: Arc<Inner>| async move {
            let volume = Some(volumes::rollback(&inner.node, &inner.names, request).await?);
            Ok(v1::RollbackVolumeResponse { volume })
        };
        self.change(rollback).await
    }

    async fn create_snapshots(
        &self,
        request: Request<v1::CreateSnapshotsRequest>,
    ) -> Answer<v1::CreateSnapshotsResponse> {
        let request = request.into_inner();
        let create = |inner: Arc<Inner>| async move {
            let snapshots = snapshots::create(&inner.node, &inner.names, request).await?;
            Ok(v1::CreateSnapshotsResponse { snapshots })
        };
        self.change(create).await
    }

    async fn delete_snapshot(
        &self,
        request: Request<v1::DeleteSnapshotRequest>,
    ) -> Answer<v1::DeleteSnapshotResponse> {
        let snapshot = request.into_inner().snapshot;
        let delete = |inner: Arc<Inner>| async move {
            snapshots::delete(&inner.node, &snapshot).await?;
            Ok(v1::DeleteSnapshotResponse {})
        };
        self.change(delete).await
    }

    async fn list_snapshots(
        &self,
        request: Request<v1::ListSnapshotsRequest>,
    ) -> Answer<v1::ListSnapshotsResponse> {
        let snapshots = snapshots::list(&self.0.node, &request.into_inner().volume).await?;
        Ok(Response::new(v1::ListSnapshotsResponse { snapshots }))
    }

    type ListChangedBlocksStream = ChangedBlocks;

    async fn list_changed_blocks(
        &self,
        request: Request<v1::ListChangedBlocksRequest>,
    ) -> Answer<ChangedBlocks> {
        let node = Arc::clone(&self.0.node);
        Ok(Response::new(snapshots::changed_blocks(node, request.into_inner()).await?))
    }

    async fn get_volume(&self, request: Request<v1::GetVolumeRequest>) -> Answer<v1::GetVolumeResponse> {
        let volume = Some(volumes::get(&self.0.node, &request.into_inner().name).await?);
        Ok(Response::new(v1::GetVolumeResponse { volume }))
    }

    async fn list_volumes(
        &self,
        request: Request<v1::ListVolumesRequest>,
    ) -> Answer<v1::ListVolumesResponse> {
        let volumes = volumes::list(&self.0.node, &request.into_inner().app).await?;
        Ok(Response::new(v1::ListVolumesResponse { volumes }))
    }

    async fn publish_volume(
        &self,
        request: Request<v1::PublishVolumeRequest>,
    ) -> Answer<v1::PublishVolumeResponse> {
        let request = request.into_inner();
        let publish = |inner: Arc<Inner>| async move {
            let volume = Some(volumes::publish(&inner.node, &inner.names, request).await?);
            Ok(v1::PublishVolumeResponse {
                volume,
                nvme_tcp_listeners: messages::listeners(&inner.listeners),
            })
        };
        self.change(publish).await
    }

    async fn unpublish_volume(
        &self,
        request: Request<v1::UnpublishVolumeRequest>,
    ) -> Answer<v1::UnpublishVolumeResponse> {
        let name = request.into_inner().name;
        let unpublish = |inner: Arc<Inner>| async move {
            let volume = Some(volumes::unpublish(&inner.node, &inner.names, &name).await?);
            Ok(v1::UnpublishVolumeResponse { volume })
        };
        self.change(unpublish).await
    }

    async fn set_app(&self, request: Request<v1::SetAppRequest>) -> Answer<v1::SetAppResponse> {
        let request = request.into_inner();
        let set = |inner: Arc<Inner>| async move {
            Ok(v1::SetAppResponse { app: Some(apps::set(&inner.node, request).await?) })
        };
        self.change(set).await
    }

    async fn remove_app(&self, request: Request<v1::RemoveAppRequest>) -> Answer<v1::RemoveAppResponse> {
        let v1::RemoveAppRequest { name, pool } = request.into_inner();
        let remove = |inner: Arc<Inner>| async move {
            apps::remove(&inner.node, &name, &pool).await?;
            Ok(v1::RemoveAppResponse {})
        };
        self.change(remove).await
    }

    async fn list_apps(&self, request: Request<v1::ListAppsRequest>) -> Answer<v1::ListAppsResponse> {
        let apps = apps::list(&self.0.node, &request.into_inner().name).await?;
        Ok(Response::new(v1::ListAppsResponse { apps }))
    }

    async fn lease_app(&self, request: Request<v1::LeaseAppRequest>) -> Answer<v1::LeaseAppResponse> {
        let request = request.into_inner();
        let lease = |inner: Arc<Inner>| async move {
            Ok(v1::LeaseAppResponse { app: Some(apps::lease(&inner.node, request).await?) })
        };
        self.change(lease).await
    }

    async fn end_lease(&self, request: Request<v1::EndLeaseRequest>) -> Answer<v1::EndLeaseResponse> {
        let v1::EndLeaseRequest { name, pool } = request.into_inner();
        let end = |inner: Arc<Inner>| async move {
            Ok(v1::EndLeaseResponse { app: Some(apps::end_lease(&inner.node, &name, &pool).await?) })
        };
        self.change(end).await
    }

    async fn list_connections(
        &self,
        request: Request<v1::ListConnectionsRequest>,
    ) -> Answer<v1::ListConnectionsResponse> {
        let connections = stats::connections(&self.0.node, &request.into_inner().volume).await?;
        Ok(Response::new(v1::ListConnectionsResponse { connections }))
    }

    async fn get_stats(&self, request: Request<v1::GetStatsRequest>) -> Answer<v1::GetStatsResponse> {
        Ok(Response::new(stats::stats(&self.0.node, &request.into_inner().volume).await?))
    }
}
