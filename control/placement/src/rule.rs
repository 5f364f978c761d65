//! The rules: what refuses a pool, one function each, in the order in which people want to read them.

use crate::Refusal;
use crate::cluster::{Demand, Node, Pool};
use crate::model::{NodeState, PoolState, Relation};
use crate::query::Query;

/// A pool looked at for a request.
#[derive(Debug)]
pub(crate) struct Look<'a> {
    pub(crate) query: &'a Query<'a>,
    pub(crate) node: &'a Node,
    pub(crate) pool: &'a Pool,
    pub(crate) demand: Demand,
}

impl<'a> Look<'a> {
    pub(crate) fn new(query: &'a Query<'a>, node: &'a Node, pool: &'a Pool) -> Self {
        let request = query.request;
        let promised = query.app.map_or(0, |app| app.promised_iops(pool));
        let more_iops = u64::from(request.min_iops.saturating_sub(promised));
        let demand = Demand { size_bytes: request.size_bytes, provisioning: request.provisioning, more_iops };
        Self { query, node, pool, demand }
    }

    /// The first rule that refuses the pool; enough to pass it over.
    pub(crate) fn is_refused(&self) -> bool {
        POOL_RULES.iter().any(|rule| rule(self).is_some())
    }

    /// All rules that refuse the pool.
    pub(crate) fn refusals(&self) -> Vec<Refusal> {
        let of_node = NODE_RULES.iter().filter_map(|rule| rule(self.query, self.node));
        of_node.chain(POOL_RULES.iter().filter_map(|rule| rule(self))).collect()
    }
}

/// Whether any rule refuses all pools of a node.
pub(crate) fn refuses_node(query: &Query<'_>, node: &Node) -> bool {
    NODE_RULES.iter().any(|rule| rule(query, node).is_some())
}

type NodeRule = fn(&Query<'_>, &Node) -> Option<Refusal>;
type PoolRule = fn(&Look<'_>) -> Option<Refusal>;

/// Asked once for all pools of a node.
const NODE_RULES: [NodeRule; 2] = [node_state, topology];

/// Asked of each pool.
const POOL_RULES: [PoolRule; 12] =
    [pool_state, source, pod, media, selectors, domain, affinity, volumes, overcommit, room, fill, min_iops];

fn node_state(_: &Query<'_>, node: &Node) -> Option<Refusal> {
    let state = node.spec.state;
    (state != NodeState::Ready).then_some(Refusal::Node { state })
}

fn topology(query: &Query<'_>, node: &Node) -> Option<Refusal> {
    let terms = &query.requisite;
    let outside = !terms.is_empty() && !terms.iter().any(|term| term.is_met(&node.labels));
    outside.then_some(Refusal::Topology { requisite: terms.len() })
}

fn pod(look: &Look<'_>) -> Option<Refusal> {
    let near = look.query.near.as_ref()?;
    let (domain, axis, value) = near.within?;
    let outside = axis.of(look.node, look.pool) != Some(value);
    outside.then(|| Refusal::Pod { domain: domain.clone(), pod_node: near.pod.node.clone() })
}

fn pool_state(look: &Look<'_>) -> Option<Refusal> {
    match &look.pool.spec().state {
        PoolState::Online => None,
        PoolState::Cordoned => Some(Refusal::Cordoned),
        PoolState::Draining => Some(Refusal::Draining),
        PoolState::Unhealthy { reason } => Some(Refusal::Unhealthy { reason: reason.clone() }),
        PoolState::Lost => Some(Refusal::Lost),
    }
}

fn source(look: &Look<'_>) -> Option<Refusal> {
    let source = &look.query.request.source;
    let elsewhere = !source.is_empty() && !source.contains(&look.pool.spec().name);
    elsewhere.then_some(Refusal::NotAtSource)
}

fn media(look: &Look<'_>) -> Option<Refusal> {
    let has = |word: Option<_>| word.is_some_and(|word| look.pool.media.contains(&word));
    let (tag, _) = look.query.media.iter().find(|(_, word)| !has(*word))?;
    Some(Refusal::Media { tag: (*tag).clone() })
}

fn selectors(look: &Look<'_>) -> Option<Refusal> {
    let unmet = look.query.filters.iter().find(|filter| !filter.is_met(&look.pool.labels))?;
    Some(Refusal::Selector { selector: unmet.selector.to_string() })
}

/// Replicas are told apart by their domains, so each must have one.
fn domain(look: &Look<'_>) -> Option<Refusal> {
    let request = look.query.request;
    let unknown = request.replicas > 1 && look.query.spread.of(look.node, look.pool).is_none();
    unknown.then(|| Refusal::NoDomain { domain: request.spread.clone() })
}

fn affinity(look: &Look<'_>) -> Option<Refusal> {
    look.query.required.iter().find_map(|wish| {
        let value = wish.axis.of(look.node, look.pool);
        if wish.is_met(value) {
            return None;
        }
        let domain = wish.affinity.domain.clone();
        Some(match (value, wish.affinity.relation) {
            (None, _) => Refusal::NoDomain { domain },
            (Some(_), Relation::Apart) => Refusal::NotApart { domain },
            (Some(_), Relation::Together) => Refusal::NotTogether { domain },
        })
    })
}

fn volumes(look: &Look<'_>) -> Option<Refusal> {
    look.pool.books.refuse_volumes()
}

fn overcommit(look: &Look<'_>) -> Option<Refusal> {
    look.pool.books.refuse_size(&look.demand)
}

fn room(look: &Look<'_>) -> Option<Refusal> {
    look.pool.books.refuse_room(&look.demand)
}

fn fill(look: &Look<'_>) -> Option<Refusal> {
    look.pool.books.refuse_fill(&look.demand)
}

fn min_iops(look: &Look<'_>) -> Option<Refusal> {
    look.pool.books.refuse_iops(&look.demand)
}
