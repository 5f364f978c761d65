//! The NVMe/TCP target: from sockets over qpairs to volumes.
//!
//! ```text
//!   acceptor thread                       reactor thread, one per device
//!   +-----------------------------+      +---------------------------------------------------+
//!   | listen, ICReq, Connect      |----->| connections -> plan -> requests -> volume -> device |
//!   | discovery controllers       | ring |      ^                                     |       |
//!   +-----------------------------+      |      +---------- completions <--------------+       |
//!                                        +---------------------------------------------------+
//! ```
//!
//! A connection's first capsules are read by the [`acceptor`]: the Connect command names the subsystem,
//! hence the volume, hence the device, hence the reactor. The socket then moves there and stays.
//! A controller and all its queues belong to one subsystem, so to one reactor, and nothing about
//! them is shared between threads.
//!
//! Reading order: [`plan`] (what a command asks for), `connection`, `controller`, `service`.
#![forbid(unsafe_code)]

pub mod acceptor;
mod apps;
mod calibrate;
pub mod config;
mod connection;
mod controller;
mod data;
pub mod handle;
pub mod nqn;
pub mod plan;
mod request;
pub mod service;
pub mod start;
pub mod stats;
pub mod status;
mod subsystem;
mod words;

pub use acceptor::{Acceptor, AcceptorError, AcceptorOptions, Directory};
pub use config::{ConfigError, Limits, TargetConfig, Timeouts};
pub use handle::{ControlError, ReactorHandle};
pub use start::{Format, PoolOptions, ReactorOptions, RunningReactor, StartError, start_reactor};
