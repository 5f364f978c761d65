//! The data-plane daemon of a storage node: configuration, wiring and the node's gRPC service.

#![forbid(unsafe_code)]

pub mod config;
