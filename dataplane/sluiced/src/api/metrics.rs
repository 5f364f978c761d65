//! `GET /metrics` over HTTP, for Prometheus.
//!
//! Read-only and without names of hosts, so it may listen where the API must not.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Router, routing};

use super::error::NodeError;
use super::exposition::Scrape;
use super::{pools, stats};
use crate::node::NodeState;

/// The OpenMetrics text format, which Prometheus asks for first.
const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A bound listener.
#[derive(Debug)]
pub(super) struct Metrics {
    address: SocketAddr,
    listener: TcpListener,
}

impl Metrics {
    /// Binds; port 0 lets the kernel choose.
    pub(super) fn bind(address: SocketAddr) -> io::Result<Metrics> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(Metrics { address: listener.local_addr()?, listener })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves for as long as it is polled. Must run inside a runtime.
    pub(super) async fn serve(self, node: Arc<NodeState>) -> io::Result<()> {
        let router = Router::new().route("/metrics", routing::get(scrape)).with_state(node);
        let listener = tokio::net::TcpListener::from_std(self.listener)?;
        axum::serve(listener, router).await
    }
}

async fn scrape(State(node): State<Arc<NodeState>>) -> Response {
    match collect(&node).await {
        Ok(scrape) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], scrape.text()).into_response(),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response(),
    }
}

async fn collect(node: &NodeState) -> Result<Scrape, NodeError> {
    Ok(Scrape {
        node: node.name.clone(),
        devices: pools::devices(node).await?.devices,
        pools: pools::pools(node).await?.pools,
        stats: stats::stats(node, "").await?,
    })
}
