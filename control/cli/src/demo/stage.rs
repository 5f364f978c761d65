//! Where the demo plays: a temporary folder, a node on a file in it, and the applications' volumes, made through
//! the node's own gRPC API.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use sluice_node_api::v1::{self, host_access::Access};
use sluice_node_api::{ApiAddress, NodeClient, connect};
use sluice_perf::spec::JobSpec;
use sluiced::Node;
use sluiced::config::{RawConfig, RawDevice};
use tempfile::TempDir;

use super::DemoError;
use super::apps::{APPS, App, DEVICE, VOLUME};
use crate::error::CliError;

/// A node with the volumes published. Dropping it stops the node, then removes the folder.
pub(super) struct Stage {
    pub(super) node: Node,
    pub(super) volumes: Vec<Published>,
    /// Last, so that it goes when the node is gone.
    pub(super) folder: TempDir,
}

/// A published volume.
#[derive(Clone, Debug)]
pub(super) struct Published {
    pub(super) app: App,
    pub(super) nqn: String,
    /// Where the load connects.
    pub(super) address: SocketAddr,
}

impl Published {
    /// Its application's load.
    pub(super) fn job(&self, run_time: Duration) -> JobSpec {
        self.app.job(self.address, &self.nqn, run_time)
    }
}

impl Stage {
    /// Sets everything up. The folder is made in `parent`, or where the system keeps temporary files.
    pub(super) async fn set_up(parent: Option<&Path>, listen: SocketAddr) -> Result<Stage, CliError> {
        let mut builder = tempfile::Builder::new();
        builder.prefix("sluice-demo-");
        let folder = match parent {
            Some(parent) => builder.tempdir_in(parent),
            None => builder.tempdir(),
        };
        let folder = folder.map_err(DemoError::Folder)?;
        let config = config(folder.path(), listen).resolve().map_err(DemoError::Config)?;
        let started =
            tokio::task::spawn_blocking(|| Node::start(config)).await.map_err(|_| DemoError::Thread)?;
        let node = started.map_err(DemoError::Node)?;
        let mut stage = Stage { node, volumes: Vec::new(), folder };
        stage.make_volumes().await?;
        Ok(stage)
    }

    /// The node's API.
    pub(super) fn api(&self) -> &ApiAddress {
        self.node.api_address()
    }

    async fn make_volumes(&mut self) -> Result<(), CliError> {
        let api = self.api().clone();
        let mut client = connect(&api).await.map_err(|error| CliError::unreachable(&api, &error))?;
        let bound = self.node.nvme_tcp_addresses().first().copied();
        let address = bound.ok_or(CliError::Incomplete("listening address"))?;
        for app in APPS {
            let nqn = publish(&mut client, app).await?;
            self.volumes.push(Published { app, nqn, address });
        }
        Ok(())
    }
}

/// Creates and publishes an application's volume; its NQN.
async fn publish(client: &mut NodeClient, app: App) -> Result<String, CliError> {
    let create = v1::CreateVolumeRequest {
        name: app.volume.to_owned(),
        app: app.name.to_owned(),
        size_bytes: VOLUME.0,
        block_size: app.block_size,
        pool: String::new(),
        thick: false,
    };
    client.create_volume(create).await?;
    let access = Some(v1::HostAccess { access: Some(Access::AnyHost(v1::AnyHost {})) });
    let publish = v1::PublishVolumeRequest { name: app.volume.to_owned(), access };
    let volume = client.publish_volume(publish).await?.into_inner().volume;
    Ok(volume.ok_or(CliError::Incomplete("volume"))?.nqn)
}

/// A node that needs nothing but the folder: no privileges, no huge pages, no fixed port.
fn config(folder: &Path, listen: SocketAddr) -> RawConfig {
    let device = RawDevice {
        name: "demo".to_owned(),
        uri: format!("file:{}", folder.join("device").display()),
        size: Some(DEVICE),
        block_size: Some(512),
        ..RawDevice::default()
    };
    let mut config = RawConfig { device: vec![device], ..RawConfig::default() };
    config.node.name = "demo".to_owned();
    config.api.listen = ApiAddress::Unix(folder.join("api")).to_string();
    config.nvme_tcp.listen = vec![listen.to_string()];
    config
}
