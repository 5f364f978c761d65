//! Where each published volume is served: the one thing that acceptor and reactors share.
//!
//! Written when a volume is published or unpublished, read when a host connects or asks for the discovery
//! log; never on the way of an I/O.

use super::service::Message;
use crate::handle::ReactorHandle;
use sluice_reactor::Sender;
use sluice_volume::HostAccess;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Names a reactor among those of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ReactorId(u32);

#[derive(Debug)]
struct Entry {
    reactor: ReactorId,
    access: HostAccess,
}

#[derive(Debug, Default)]
struct State {
    /// Raised by every change; the discovery log's generation.
    generation: u64,
    entries: BTreeMap<String, Entry>,
    reactors: BTreeMap<ReactorId, ReactorHandle>,
    next_reactor: u32,
    acceptors: Vec<Sender<Message>>,
}

/// The subsystems of a node. Clones are the same directory.
#[derive(Clone, Debug, Default)]
pub struct Directory(Arc<RwLock<State>>);

impl Directory {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A name for a reactor that is about to start.
    pub(crate) fn register(&self) -> ReactorId {
        let mut state = self.write();
        state.next_reactor += 1;
        ReactorId(state.next_reactor)
    }

    /// The reactor is up: connections can be sent to it.
    pub(crate) fn attach(&self, reactor: ReactorId, handle: ReactorHandle) {
        self.write().reactors.insert(reactor, handle);
    }

    /// The reactor is gone, and its subsystems with it.
    pub(crate) fn detach(&self, reactor: ReactorId) {
        let mut state = self.write();
        state.reactors.remove(&reactor);
        state.entries.retain(|_, entry| entry.reactor != reactor);
        state.changed();
    }

    pub(crate) fn publish(&self, reactor: ReactorId, nqn: &str, access: HostAccess) {
        let mut state = self.write();
        state.entries.insert(nqn.to_owned(), Entry { reactor, access });
        state.changed();
    }

    pub(crate) fn unpublish(&self, nqn: &str) {
        let mut state = self.write();
        state.entries.remove(nqn);
        state.changed();
    }

    /// An acceptor wants to know of changes.
    pub(super) fn subscribe(&self, acceptor: Sender<Message>) {
        self.write().acceptors.push(acceptor);
    }

    /// The reactor that serves a subsystem.
    pub(super) fn reactor_of(&self, nqn: &str) -> Option<ReactorHandle> {
        let state = self.read();
        state.reactors.get(&state.entries.get(nqn)?.reactor).cloned()
    }

    /// The generation, and what `host` may connect to.
    pub(super) fn visible_to(&self, host: &str) -> (u64, Vec<String>) {
        let state = self.read();
        let admits = |access: &HostAccess| match access {
            HostAccess::Any => true,
            HostAccess::Hosts(hosts) => hosts.iter().any(|nqn| nqn == host),
        };
        let visible = state.entries.iter().filter(|(_, entry)| admits(&entry.access));
        (state.generation, visible.map(|(nqn, _)| nqn.clone()).collect())
    }

    /// Every change is a few map operations that leave the state whole, so a panic elsewhere does no harm.
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn changed(&mut self) {
        self.generation += 1;
        for acceptor in &self.acceptors {
            // A full ring holds a message that says the same.
            let _ = acceptor.send(Message::DirectoryChanged);
        }
    }
}
