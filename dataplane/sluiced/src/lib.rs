//! The data-plane daemon of a storage node: configuration, wiring and the node's gRPC service.
//!
//! ```text
//!   config -> Node::start -+-> one reactor thread per device   (sluice-target; pinned)
//!                          +-> acceptor thread                 (sluice-target)
//!                          +-> API thread                      (api; kept off the reactors' cores)
//! ```
//!
//! Callers: `main` runs a [`Node`] until a signal; the demo and the end-to-end tests run one in their own process.
//! The reactors own all state of volumes; this crate keeps only which devices there are, and asks.

#![forbid(unsafe_code)]

mod api;
pub mod config;
mod node;
mod notify;
mod offline;
mod ready;

pub use node::{Node, StartError};
pub use notify::notify;
pub use offline::{Offline, OfflineError, open_offline};
