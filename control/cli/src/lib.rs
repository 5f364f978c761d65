//! The command line of Sluice: asks a node's API and shows the answers, and runs the demo.
//!
//! `args` says what it takes, `command` does it, `view` says how it looks, `error` which exit code it ends with.

#![forbid(unsafe_code)]

mod args;
mod command;
mod connect;
mod demo;
mod draw;
mod error;
mod live;
mod units;
mod view;

pub use args::{Cli, Command, Output};
pub use command::run;
pub use error::CliError;
