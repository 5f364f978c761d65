//! What is known of the cluster, with the sums that deciding needs.

mod app;
mod books;
mod load;
mod node;
mod pool;
mod words;

use std::collections::BTreeMap;

pub(crate) use app::App;
pub(crate) use books::{Books, Demand};
pub(crate) use load::Load;
pub(crate) use node::Node;
pub(crate) use pool::Pool;
pub(crate) use words::{Labels, Word, Words};

use crate::model::{
    MAX_MIN_IOPS, MAX_VOLUMES, Name, NodeSpec, NodeState, PoolName, PoolSpec, PoolState, RequestError,
    SpecError, Volume,
};

/// Nodes, pools and volumes as they are known.
///
/// Nodes and pools are set whenever something new is known of them; volumes are recorded once their place is decided,
/// and counted from then on.
#[derive(Debug, Clone, Default)]
pub struct Cluster {
    pub(crate) words: Words,
    pub(crate) nodes: BTreeMap<Name, Node>,
    /// By name, so that the pools of a node are neighbours and no answer depends on who came first.
    pub(crate) pools: Vec<Pool>,
    pub(crate) apps: BTreeMap<Name, App>,
    pub(crate) volumes: BTreeMap<Name, Volume>,
    /// By zone; `None`: nodes that stand in none.
    pub(crate) zones: BTreeMap<Option<Word>, Load>,
}

/// What cannot be known of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClusterError {
    /// A pool's figures cannot be.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// A volume's figures cannot be.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// A pool on a node that nobody knows.
    #[error("node {node} is not known: set it before its pools")]
    UnknownNode {
        /// The node.
        node: Name,
    },
    /// A volume in a pool that nobody knows.
    #[error("pool {pool} is not known: set it before its volumes")]
    UnknownPool {
        /// The pool.
        pool: PoolName,
    },
    /// The same pool twice.
    #[error("volume {volume} has two replicas in pool {pool}")]
    SamePoolTwice {
        /// The volume.
        volume: Name,
        /// The pool.
        pool: PoolName,
    },
    /// A pool with more volumes than any can hold.
    #[error("pool {pool} has {MAX_VOLUMES} volumes, and no pool can hold more")]
    TooManyVolumes {
        /// The pool.
        pool: PoolName,
    },
    /// A node that has pools, or a pool that has volumes, stays.
    #[error("{what} has {count} {of}: remove those first")]
    InUse {
        /// The node or the pool.
        what: String,
        /// How many.
        count: usize,
        /// Of what.
        of: &'static str,
    },
}

impl Cluster {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A new node, or what is new of one. Its pools go with it.
    pub fn set_node(&mut self, spec: NodeSpec) {
        let name = spec.name.clone();
        let mut node = Node::new(spec, &mut self.words);
        if let Some(old) = self.nodes.get(&name) {
            node.load = old.load;
            self.zones.get_mut(&old.zone).expect("every node is counted in its zone").remove(node.load);
        }
        self.zones.entry(node.zone).or_default().add(node.load);
        let range = self.pools_of(&name);
        for pool in &mut self.pools[range.clone()] {
            pool.relabel(&node.spec, &mut self.words);
        }
        self.nodes.insert(name, node);
        range.for_each(|at| self.recount(at));
    }

    /// A new pool, or what is new of one. Its volumes stay recorded.
    ///
    /// # Errors
    /// [`ClusterError::Spec`], [`ClusterError::UnknownNode`]; nothing is changed then.
    pub fn set_pool(&mut self, spec: PoolSpec) -> Result<(), ClusterError> {
        spec.check()?;
        let found = self.find(&spec.name);
        let node = self.nodes.get(&spec.name.node);
        let node = node.ok_or_else(|| ClusterError::UnknownNode { node: spec.name.node.clone() })?;
        match found {
            Ok(at) => self.pools[at].set(spec, &node.spec, &mut self.words),
            Err(at) => self.pools.insert(at, Pool::new(spec, &node.spec, &mut self.words)),
        }
        self.recount(found.unwrap_or_else(|at| at));
        Ok(())
    }

    /// Forgets a node. One that is not known is no error.
    ///
    /// # Errors
    /// [`ClusterError::InUse`] while it has pools.
    pub fn remove_node(&mut self, name: &str) -> Result<(), ClusterError> {
        let count = self.pools_of(name).len();
        if count > 0 {
            return Err(ClusterError::InUse { what: format!("node {name}"), count, of: "pools" });
        }
        self.nodes.remove(name);
        Ok(())
    }

    /// Forgets a pool. One that is not known is no error.
    ///
    /// # Errors
    /// [`ClusterError::InUse`] while volumes are recorded there.
    pub fn remove_pool(&mut self, name: &PoolName) -> Result<(), ClusterError> {
        let Ok(at) = self.find(name) else { return Ok(()) };
        let count = self.pools[at].books.volumes as usize;
        if count > 0 {
            return Err(ClusterError::InUse { what: format!("pool {name}"), count, of: "volumes" });
        }
        self.pools[at].books = Books::default();
        self.recount(at);
        self.pools.remove(at);
        Ok(())
    }

    /// Counts a volume where it is. What is there is there, so no bound is asked: recording is for what
    /// [`place`](Self::place) chose and for what was found on nodes alike.
    ///
    /// # Errors
    /// All but [`ClusterError::Spec`] and [`ClusterError::InUse`]; nothing is changed then.
    pub fn record(&mut self, volume: Volume) -> Result<(), ClusterError> {
        let places = self.check_volume(&volume)?;
        let app = self.apps.entry(volume.app.clone()).or_default();
        for at in &places {
            let pool = &mut self.pools[*at];
            let more_iops = app.join(pool, volume.min_iops);
            pool.books.add(volume.size_bytes, volume.provisioning, more_iops);
        }
        places.into_iter().for_each(|at| self.recount(at));
        self.volumes.insert(volume.name.clone(), volume);
        Ok(())
    }

    /// Counts a volume no longer. Returns it, if it was recorded.
    pub fn release(&mut self, name: &str) -> Option<Volume> {
        let volume = self.volumes.remove(name)?;
        let app = self.apps.get_mut(&volume.app).expect("a recorded volume's application is known");
        let mut changed = Vec::with_capacity(volume.pools.len());
        for name in &volume.pools {
            let at = self.pools.binary_search_by(|pool| pool.spec().name.cmp(name));
            let at = at.expect("a pool with volumes is not removed");
            let pool = &mut self.pools[at];
            let less_iops = app.leave(pool, volume.min_iops);
            pool.books.subtract(volume.size_bytes, volume.provisioning, less_iops);
            changed.push(at);
        }
        if app.is_empty() {
            self.apps.remove(&volume.app);
        }
        changed.into_iter().for_each(|at| self.recount(at));
        Some(volume)
    }

    /// A recorded volume.
    #[must_use]
    pub fn volume(&self, name: &str) -> Option<&Volume> {
        self.volumes.get(name)
    }

    /// All recorded volumes, by name.
    pub fn volumes(&self) -> impl Iterator<Item = &Volume> {
        self.volumes.values()
    }

    /// All nodes, by name.
    pub fn nodes(&self) -> impl Iterator<Item = &NodeSpec> {
        self.nodes.values().map(|node| &node.spec)
    }

    /// All pools, by name.
    pub fn pools(&self) -> impl Iterator<Item = &PoolSpec> {
        self.pools.iter().map(Pool::spec)
    }

    /// What is promised on a pool in all, in IOPS.
    #[must_use]
    pub fn promised_iops(&self, pool: &PoolName) -> Option<u64> {
        self.find(pool).ok().map(|at| self.pools[at].books.promised_iops())
    }

    /// What volumes' sizes add up to on a pool.
    #[must_use]
    pub fn provisioned_bytes(&self, pool: &PoolName) -> Option<u64> {
        self.find(pool).ok().map(|at| self.pools[at].books.provisioned_bytes())
    }

    /// Where the pool is, or where it would be.
    pub(crate) fn find(&self, name: &PoolName) -> Result<usize, usize> {
        self.pools.binary_search_by(|pool| pool.spec().name.cmp(name))
    }

    /// The pools of a node are neighbours.
    fn pools_of(&self, node: &str) -> std::ops::Range<usize> {
        let begin = self.pools.partition_point(|pool| &*pool.spec().name.node < node);
        let end = self.pools.partition_point(|pool| &*pool.spec().name.node <= node);
        begin..end
    }

    /// Brings the sums of node and zone up to date with a pool. One that takes no volumes does not count: how full
    /// it is tells nothing of where there is room.
    fn recount(&mut self, at: usize) {
        let pool = &mut self.pools[at];
        let node = self.nodes.get_mut(&pool.spec().name.node).expect("a pool's node is known");
        let takes = node.spec.state == NodeState::Ready && pool.spec().state == PoolState::Online;
        let load = if takes { pool.books.load() } else { Load::default() };
        let before = std::mem::replace(&mut pool.counted, load);
        let zone = self.zones.get_mut(&node.zone).expect("every node is counted in its zone");
        for sum in [&mut node.load, zone] {
            sum.remove(before);
            sum.add(load);
        }
    }

    /// Where the volume's pools are.
    fn check_volume(&self, volume: &Volume) -> Result<Vec<usize>, ClusterError> {
        crate::model::check_size(volume.size_bytes)?;
        if volume.min_iops > MAX_MIN_IOPS {
            return Err(RequestError::MinIops { min_iops: volume.min_iops }.into());
        }
        if self.volumes.contains_key(&volume.name) {
            return Err(RequestError::Recorded { volume: volume.name.clone() }.into());
        }
        let mut places = Vec::with_capacity(volume.pools.len());
        for name in &volume.pools {
            let pool = || name.clone();
            let at = self.find(name).map_err(|_| ClusterError::UnknownPool { pool: pool() })?;
            if places.contains(&at) {
                return Err(ClusterError::SamePoolTwice { volume: volume.name.clone(), pool: pool() });
            }
            if self.pools[at].books.volumes >= MAX_VOLUMES {
                return Err(ClusterError::TooManyVolumes { pool: pool() });
            }
            places.push(at);
        }
        Ok(places)
    }
}
