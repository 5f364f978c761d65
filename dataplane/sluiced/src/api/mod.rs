//! The gRPC service `sluice.node.v1`, on a thread of its own that shares no core with a reactor.
//!
//! `listener` binds, `service` takes the calls, `volumes`, `snapshots`, `apps`, `pools`, `drives`, `erase` and `stats`
//! answer them, `messages` turns the target's words into the protocol's, and `error` holds the one table of error codes.
//! `metrics` serves the same figures to Prometheus, as `exposition` writes them.

mod apps;
mod drives;
mod erase;
mod error;
mod exposition;
mod listener;
mod messages;
mod metrics;
mod pools;
mod service;
mod snapshots;
mod stats;
mod volumes;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use sluice_node_api::v1::node_server::NodeServer;
use sluice_node_api::{ApiAddress, MAX_MESSAGE_BYTES};
use tokio::sync::oneshot;
use tonic::transport::Server;

use crate::config::ApiListen;
use crate::node::{NodeState, avoid};
use listener::Bound;
use metrics::Metrics;
use service::Service;

/// How long callers have to take their answers and hang up, once the reactors have answered all that was in flight.
const HANG_UP: Duration = Duration::from_millis(200);

/// Why the API does not start.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The address cannot be bound.
    #[error("the API cannot listen on {address}: {source}")]
    Bind {
        /// Where.
        address: ApiAddress,
        /// Why.
        source: io::Error,
    },
    /// The address of the metrics cannot be bound.
    #[error("metrics.listen: cannot listen on {address}: {source}")]
    BindMetrics {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// Its thread or runtime cannot be started.
    #[error("the API cannot start: {0}")]
    Thread(io::Error),
}

/// The API's thread. It is closed first, and cut off when it is dropped; a sender's end is its message.
#[derive(Debug)]
pub(crate) struct ApiServer {
    address: ApiAddress,
    metrics: Option<SocketAddr>,
    close: Option<oneshot::Sender<()>>,
    cut: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl ApiServer {
    /// Binds and serves.
    pub(crate) fn start(
        listen: ApiListen,
        metrics: Option<SocketAddr>,
        state: Arc<NodeState>,
        listeners: Vec<SocketAddr>,
    ) -> Result<ApiServer, ApiError> {
        let bound = listener::bind(listen)?;
        let address = bound.address().clone();
        let bind =
            |address| Metrics::bind(address).map_err(|source| ApiError::BindMetrics { address, source });
        let metrics = metrics.map(bind).transpose()?;
        let metrics_address = metrics.as_ref().map(Metrics::address);
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(ApiError::Thread)?;
        let (close, closed) = oneshot::channel();
        let (cut, is_cut) = oneshot::channel();
        let serve = move || {
            let reactors: Vec<usize> = state.slots.iter().filter_map(|slot| slot.core).collect();
            avoid(&reactors);
            let scraped = Arc::clone(&state);
            let service = serve(bound, Service::new(state, listeners), closed, is_cut);
            runtime.block_on(async {
                if let Some(metrics) = metrics {
                    tokio::spawn(expose(metrics, scraped));
                }
                service.await;
            });
        };
        let thread = thread::Builder::new().name("api".to_owned()).spawn(serve).map_err(ApiError::Thread)?;
        Ok(ApiServer {
            address,
            metrics: metrics_address,
            close: Some(close),
            cut: Some(cut),
            thread: Some(thread),
        })
    }

    /// Where it listens, with the port that port 0 became.
    pub(crate) fn address(&self) -> &ApiAddress {
        &self.address
    }

    /// Where metrics are served, with the port that port 0 became.
    pub(crate) fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics
    }

    /// Takes no more calls; those in flight go on.
    pub(crate) fn close(&mut self) {
        self.close = None;
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        self.close();
        self.cut = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the API's thread panicked");
        }
    }
}

async fn serve(bound: Bound, service: Service, closed: oneshot::Receiver<()>, cut: oneshot::Receiver<()>) {
    let service = NodeServer::new(service).max_encoding_message_size(MAX_MESSAGE_BYTES);
    let router = Server::builder().add_service(service);
    let served = bound.serve(router, ended(closed));
    tokio::pin!(served);
    let outcome = tokio::select! {
        outcome = &mut served => Some(outcome),
        () = ended(cut) => tokio::time::timeout(HANG_UP, served).await.ok(),
    };
    match outcome {
        Some(Ok(())) => {}
        Some(Err(error)) => tracing::error!(%error, "the API has failed"),
        None => tracing::info!("callers of the API were cut off"),
    }
}

/// Ends with the runtime: a scrape cut off in a shutdown is one that found no node.
async fn expose(metrics: Metrics, state: Arc<NodeState>) {
    if let Err(error) = metrics.serve(state).await {
        tracing::error!(%error, "metrics are served no longer");
    }
}

/// Returns once the other end is dropped.
async fn ended(receiver: oneshot::Receiver<()>) {
    // Nothing is ever sent, so the only outcome is the error that says so.
    let _ = receiver.await;
}
