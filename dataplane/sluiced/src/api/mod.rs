//! The gRPC service `sluice.node.v1`, on a thread of its own that shares no core with a reactor.
//!
//! `listener` binds, `service` takes the calls, `volumes`, `pools` and `stats` answer them, `messages` turns the
//! target's words into the protocol's, and `error` holds the one table of error codes.

mod error;
mod listener;
mod messages;
mod pools;
mod service;
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
use service::Service;

/// How long calls in flight may take once the node stops. Reactors answer all that wait when they drain, so nothing
/// sensible takes longer.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

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
    /// Its thread or runtime cannot be started.
    #[error("the API cannot start: {0}")]
    Thread(io::Error),
}

/// The API's thread.
#[derive(Debug)]
pub(crate) struct ApiServer {
    address: ApiAddress,
    close: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl ApiServer {
    /// Binds and serves.
    pub(crate) fn start(
        listen: ApiListen,
        state: Arc<NodeState>,
        listeners: Vec<SocketAddr>,
    ) -> Result<ApiServer, ApiError> {
        let bound = listener::bind(listen)?;
        let address = bound.address().clone();
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(ApiError::Thread)?;
        let (close, closed) = oneshot::channel();
        let serve = move || {
            let reactors: Vec<usize> = state.slots.iter().filter_map(|slot| slot.core).collect();
            avoid(&reactors);
            runtime.block_on(serve(bound, Service::new(state, listeners), closed));
        };
        let thread = thread::Builder::new().name("api".to_owned()).spawn(serve).map_err(ApiError::Thread)?;
        Ok(ApiServer { address, close: Some(close), thread: Some(thread) })
    }

    /// Where it listens, with the port that port 0 became.
    pub(crate) fn address(&self) -> &ApiAddress {
        &self.address
    }

    /// Takes no more calls; those in flight go on.
    pub(crate) fn close(&mut self) {
        self.close = None;
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        self.close();
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the API's thread panicked");
        }
    }
}

async fn serve(bound: Bound, service: Service, closed: oneshot::Receiver<()>) {
    let service = NodeServer::new(service).max_encoding_message_size(MAX_MESSAGE_BYTES);
    let router = Server::builder().add_service(service);
    let (stop, stopped) = oneshot::channel();
    let stopped = async {
        // The sender is dropped when the node stops, or when this function is.
        let _ = stopped.await;
    };
    let served = bound.serve(router, stopped);
    tokio::pin!(served);
    let outcome = tokio::select! {
        outcome = &mut served => outcome,
        _ = closed => {
            drop::<oneshot::Sender<()>>(stop);
            match tokio::time::timeout(CLOSE_TIMEOUT, served).await {
                Ok(outcome) => outcome,
                Err(_) => return tracing::warn!("calls to the API were cut off by the shutdown"),
            }
        }
    };
    if let Err(error) = outcome {
        tracing::error!(%error, "the API has failed");
    }
}
