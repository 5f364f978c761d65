//! Why here and why not there.

use std::collections::BTreeMap;
use std::fmt;

use crate::model::{PoolName, Request};
use crate::{Refusal, Score, Shortage};

/// What was decided about a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It takes a replica.
    Chosen {
        /// Which, from 0; 0 is the best.
        replica: usize,
        /// What spoke for it.
        score: Score,
    },
    /// It would take the volume, but others are better.
    Open {
        /// How it compares.
        score: Score,
    },
    /// It would take the volume, but a replica is in its failure domain.
    DomainTaken {
        /// The pool of that replica.
        by: PoolName,
        /// How it compares.
        score: Score,
    },
    /// It does not take the volume.
    Refused {
        /// By which rules: at least one.
        refusals: Vec<Refusal>,
    },
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chosen { replica, score } => write!(f, "chosen for replica {replica}: {score}"),
            Self::Open { score } => write!(f, "others are better: {score}"),
            Self::DomainTaken { by, score } => write!(f, "shares its domain with {by}: {score}"),
            Self::Refused { refusals } => {
                let words: Vec<String> = refusals.iter().map(ToString::to_string).collect();
                write!(f, "refused: {}", words.join("; "))
            }
        }
    }
}

/// A pool and what was decided about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The pool.
    pub pool: PoolName,
    /// What was decided.
    pub verdict: Verdict,
}

/// Every pool of the cluster and what was decided about it: chosen ones first, then by score, then those refused by
/// the fewest rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// What was asked.
    pub request: Request,
    /// The pools.
    pub candidates: Vec<Candidate>,
}

impl Explanation {
    pub(crate) fn new(request: &Request) -> Self {
        Self { request: request.clone(), candidates: Vec::new() }
    }

    pub(crate) fn push(&mut self, pool: PoolName, verdict: Verdict) {
        self.candidates.push(Candidate { pool, verdict });
    }

    /// Pools came by name, and stay so among equals.
    pub(crate) fn sorted(mut self) -> Self {
        self.candidates.sort_by_key(|candidate| match &candidate.verdict {
            Verdict::Chosen { replica, .. } => (0, *replica, None),
            Verdict::Open { score } | Verdict::DomainTaken { score, .. } => (1, 0, Some(*score)),
            Verdict::Refused { refusals } => (2, refusals.len(), None),
        });
        self
    }

    /// How many pools each rule refuses. A pool may be refused by several.
    #[must_use]
    pub fn refused(&self) -> BTreeMap<&'static str, usize> {
        let mut refused = BTreeMap::new();
        for candidate in &self.candidates {
            if let Verdict::Refused { refusals } = &candidate.verdict {
                refusals.iter().for_each(|refusal| *refused.entry(refusal.rule()).or_default() += 1);
            }
        }
        refused
    }

    /// What a request that finds too few pools is told.
    pub(crate) fn shortage(&self, found: usize) -> Shortage {
        let closest = self.candidates.iter().find_map(|candidate| match &candidate.verdict {
            Verdict::Refused { refusals } if refusals.len() == 1 => {
                Some((candidate.pool.clone(), refusals[0].clone()))
            }
            _ => None,
        });
        Shortage {
            volume: self.request.volume.clone(),
            size_bytes: self.request.size_bytes,
            replicas: self.request.replicas,
            spread: self.request.spread.clone(),
            found,
            pools: self.candidates.len(),
            refused: self.refused(),
            closest,
        }
    }
}

/// One line per pool.
impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.candidates
            .iter()
            .try_for_each(|candidate| writeln!(f, "{}: {}", candidate.pool, candidate.verdict))
    }
}
