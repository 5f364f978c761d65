//! Choosing the pools.

use std::collections::BTreeMap;
use std::fmt;

use crate::cluster::{Cluster, Node, Pool, Word};
use crate::explain::{Explanation, Verdict};
use crate::model::{Domain, Name, PoolName, Request, RequestError};
use crate::query::Query;
use crate::rule::{Look, refuses_node};
use crate::score::NodeScore;
use crate::{Bytes, Refusal, Score};

/// A pool that was chosen, and how good it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The pool.
    pub pool: PoolName,
    /// What spoke for it.
    pub score: Score,
}

/// Where a volume goes: as many pools as replicas, the best first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The pools.
    pub choices: Vec<Choice>,
}

impl Decision {
    /// The pools' names, as a volume is recorded with them.
    #[must_use]
    pub fn pools(&self) -> Vec<PoolName> {
        self.choices.iter().map(|choice| choice.pool.clone()).collect()
    }
}

/// Why a volume has no place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// What is asked for cannot be, here or anywhere.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// Too few pools take it.
    #[error(transparent)]
    Shortage(Box<Shortage>),
}

/// Too few pools take a volume, and what stands in the way.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Shortage {
    /// The volume.
    pub volume: Name,
    /// Its size.
    pub size_bytes: u64,
    /// The pools it needs.
    pub replicas: u8,
    /// No two of them in the same one of these.
    pub spread: Domain,
    /// In how many different ones there are pools that take it.
    pub found: usize,
    /// All pools there are.
    pub pools: usize,
    /// How many of them each rule refuses; a pool may be refused by several.
    pub refused: BTreeMap<&'static str, usize>,
    /// The first pool by name that one rule alone refuses, and by what.
    pub closest: Option<(PoolName, Refusal)>,
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { volume, pools, replicas, .. } = self;
        write!(f, "no place for volume {volume} of {}", Bytes(self.size_bytes))?;
        match replicas {
            1 => write!(f, ": ")?,
            _ => {
                write!(f, " and {replicas} replicas, of which {} have a {} each: ", self.found, self.spread)?
            }
        }
        let rules: Vec<String> =
            self.refused.iter().map(|(rule, count)| format!("{rule} refuses {count}")).collect();
        match rules.len() {
            0 => write!(f, "there are {pools} pools")?,
            _ => write!(f, "of {pools} pools {}", rules.join(", "))?,
        }
        match &self.closest {
            Some((pool, refusal)) => write!(f, "; closest is {pool}: {refusal}"),
            None => Ok(()),
        }
    }
}

impl Cluster {
    /// Decides where a volume goes. Changes nothing: [`record`](Self::record) the volume there once that is agreed.
    ///
    /// # Errors
    /// [`PlaceError`]; a shortage says what stood in the way.
    pub fn place(&self, request: &Request) -> Result<Decision, PlaceError> {
        let query = Query::new(request, self)?;
        let mut best = Best::new(&query);
        self.for_open(&query, |look, score| best.offer(look, score));
        if best.found.len() < usize::from(request.replicas) {
            let shortage = self.explain_query(&query).shortage(best.found.len());
            return Err(PlaceError::Shortage(Box::new(shortage)));
        }
        let choices = best.found.into_iter();
        let choices =
            choices.map(|(_, pool, score)| Choice { pool: pool.spec().name.clone(), score }).collect();
        Ok(Decision { choices })
    }

    /// Every pool's verdict for this request, as [`place`](Self::place) would decide now.
    ///
    /// # Errors
    /// [`RequestError`], where there is nothing to decide.
    pub fn explain(&self, request: &Request) -> Result<Explanation, RequestError> {
        Ok(self.explain_query(&Query::new(request, self)?))
    }

    fn explain_query(&self, query: &Query<'_>) -> Explanation {
        let mut best = Best::new(query);
        self.for_open(query, |look, score| best.offer(look, score));
        let enough = best.found.len() >= usize::from(query.request.replicas);
        let chosen = if enough { best.found } else { Vec::new() };
        let mut explanation = Explanation::new(query.request);
        for (node, pools) in self.by_node() {
            let node_score = NodeScore::new(query, node, self);
            for pool in pools {
                let look = Look::new(query, node, pool);
                let refusals = look.refusals();
                let score = || node_score.of(&look);
                let verdict = if refusals.is_empty() {
                    verdict(&chosen, query.spread.of(node, pool), pool, score())
                } else {
                    Verdict::Refused { refusals }
                };
                explanation.push(pool.spec().name.clone(), verdict);
            }
        }
        explanation.sorted()
    }

    /// All pools that no rule refuses, by name.
    pub(crate) fn for_open<'a>(&'a self, query: &'a Query<'a>, mut each: impl FnMut(&Look<'a>, Score)) {
        for (node, pools) in self.by_node() {
            if refuses_node(query, node) {
                continue;
            }
            let node_score = NodeScore::new(query, node, self);
            for pool in pools {
                let look = Look::new(query, node, pool);
                if !look.is_refused() {
                    each(&look, node_score.of(&look));
                }
            }
        }
    }

    /// Nodes and their pools, both by name: a node's pools are the next ones.
    fn by_node(&self) -> impl Iterator<Item = (&Node, &[Pool])> {
        let mut rest = self.pools.as_slice();
        self.nodes.values().map(move |node| {
            let own = rest.iter().take_while(|pool| pool.node == node.word).count();
            let (pools, others) = rest.split_at(own);
            rest = others;
            (node, pools)
        })
    }
}

/// What an open pool is told. The chosen ones are told so; of the others, those in a chosen one's domain learn whose.
fn verdict(
    chosen: &[(Option<Word>, &Pool, Score)],
    domain: Option<Word>,
    pool: &Pool,
    score: Score,
) -> Verdict {
    if let Some(replica) = chosen.iter().position(|(_, one, _)| one.word == pool.word) {
        return Verdict::Chosen { replica, score };
    }
    // With one replica all pools compete, whatever their domains.
    let rival = chosen.iter().find(|(other, ..)| chosen.len() > 1 && *other == domain);
    match rival {
        Some((_, rival, _)) => Verdict::DomainTaken { by: rival.spec().name.clone(), score },
        None => Verdict::Open { score },
    }
}

/// The best pools so far, each the best of its domain: as many as replicas, best first.
///
/// Going for the best one by one is exact here: a pool's score does not depend on the other replicas' places, and of
/// each domain one will do.
struct Best<'a> {
    replicas: usize,
    spread: crate::query::Axis,
    found: Vec<(Option<Word>, &'a Pool, Score)>,
}

impl<'a> Best<'a> {
    fn new(query: &Query<'_>) -> Self {
        let replicas = usize::from(query.request.replicas);
        Self { replicas, spread: query.spread, found: Vec::with_capacity(replicas + 1) }
    }

    /// Pools come by name, so of equal ones the first stays.
    fn offer(&mut self, look: &Look<'a>, score: Score) {
        // A single replica shares its domain with nobody.
        let domain = if self.replicas > 1 { self.spread.of(look.node, look.pool) } else { None };
        let same = self.found.iter().position(|(other, ..)| *other == domain);
        match same {
            Some(at) if self.found[at].2 <= score => return,
            Some(at) => drop(self.found.remove(at)),
            None => {}
        }
        let at = self.found.partition_point(|(_, _, better)| *better <= score);
        self.found.insert(at, (domain, look.pool, score));
        self.found.truncate(self.replicas);
    }
}
