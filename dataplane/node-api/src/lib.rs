//! The gRPC API of one storage node, `sluice.node.v1`.
//!
//! `sluiced` serves it; the command line and the control service call it. The contract - units, ranges and the table
//! of error codes - is `proto/sluice/node/v1/node.proto`, compiled at build time into [`v1`]. Beside it stands what
//! both sides need to agree on: how an API address is written ([`ApiAddress`]), how people write a size ([`Size`])
//! and how a latency histogram travels ([`latency`]).

#![forbid(unsafe_code)]

mod address;
mod client;
pub mod latency;
mod size;

pub use address::{AddressError, ApiAddress};
pub use client::{NodeClient, connect};
pub use size::{Size, SizeError};

/// Messages, client and server of package `sluice.node.v1`.
pub mod v1 {
    tonic::include_proto!("sluice.node.v1");
}

/// Largest message either side accepts, in bytes: statistics of some thousand volumes with full histograms.
pub const MAX_MESSAGE_BYTES: usize = 64 << 20;
