//! The acceptor: listens, takes a connection's first capsules, and sends it where it belongs.
//!
//! ```text
//!   accept --> handshake: ICReq, Connect --+--> volume: its reactor, for good
//!                 | time limit             +--> discovery: stays here
//!                 v                        +--> neither: refused, closed
//!               closed
//! ```
//!
//! It runs on a reactor of its own, not pinned and never spinning, so that hosts that come and go cost
//! the data path nothing.

mod directory;
mod discovery;
mod guest;
mod service;

pub use directory::Directory;
pub(crate) use directory::ReactorId;

use crate::config::TargetConfig;
use rustix::io::Errno;
use service::{AcceptService, Message};
use sluice_reactor::{Config, Polling, Reactor, Sender, SpawnError};
use std::net::{SocketAddr, TcpListener};
use std::thread::JoinHandle;
use std::time::Duration;

/// How an acceptor is set up.
#[derive(Clone, Debug)]
pub struct AcceptorOptions {
    /// Where to listen; port 0 is any free port.
    pub listen: Vec<SocketAddr>,
    /// What the discovery log tells hosts to connect to. `None`: the address they reached us at, which is
    /// right unless there is a translation of addresses on the way.
    pub advertise: Option<SocketAddr>,
    /// Limits and digests.
    pub target: TargetConfig,
}

/// Why an acceptor did not start.
#[derive(Debug, thiserror::Error)]
pub enum AcceptorError {
    /// An address to listen at.
    #[error("cannot listen at {address}: {source}; is another target running there?")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// No address at all.
    #[error("no address to listen at; give at least one")]
    NoAddress,
    /// The thread.
    #[error("cannot start the acceptor: {0}")]
    Thread(#[source] SpawnError<Errno>),
}

/// A running acceptor. Dropping it without [`Acceptor::stop`] leaves it running until the process ends.
#[derive(Debug)]
pub struct Acceptor {
    addresses: Vec<SocketAddr>,
    sender: Sender<Message>,
    thread: JoinHandle<()>,
}

impl Acceptor {
    /// Listens, and serves `directory`.
    ///
    /// # Errors
    /// [`AcceptorError`]; nothing is left running.
    pub fn start(options: AcceptorOptions, directory: &Directory) -> Result<Self, AcceptorError> {
        if options.listen.is_empty() {
            return Err(AcceptorError::NoAddress);
        }
        let listeners =
            options.listen.iter().map(|address| listen(*address)).collect::<Result<Vec<_>, _>>()?;
        let addresses: Vec<SocketAddr> = listeners.iter().filter_map(|l| l.local_addr().ok()).collect();
        let config = Config {
            name: "acceptor".to_owned(),
            core: None,
            polling: Polling::Adaptive { spin: Duration::ZERO },
            ring_entries: 64,
        };
        let serves = directory.clone();
        let build = move || Ok(AcceptService::new(options, listeners, serves));
        let reactor: Reactor<Message> = Reactor::spawn(config, build).map_err(AcceptorError::Thread)?;
        directory.subscribe(reactor.sender.clone());
        Ok(Self { addresses, sender: reactor.sender, thread: reactor.thread })
    }

    /// The addresses listened at, with their true ports.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Stops listening and closes what was not handed over.
    pub fn stop(self) {
        let mut message = Message::Stop;
        while let Err(full) = self.sender.send(message) {
            message = full.0;
            std::thread::yield_now();
        }
        // A panic on that thread was reported there.
        let _ = self.thread.join();
    }
}

fn listen(address: SocketAddr) -> Result<TcpListener, AcceptorError> {
    let failed = |source| AcceptorError::Listen { address, source };
    let listener = TcpListener::bind(address).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    Ok(listener)
}

#[cfg(test)]
mod test;
