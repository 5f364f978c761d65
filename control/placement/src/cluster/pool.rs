//! A pool as it is compared.

use super::{Books, Labels, Load, Word, Words};
use crate::model::{NodeSpec, PoolSpec};

#[derive(Debug, Clone)]
pub(crate) struct Pool {
    spec: PoolSpec,
    /// Its own name.
    pub(crate) word: Word,
    /// Its node's.
    pub(crate) node: Word,
    pub(crate) media: Vec<Word>,
    /// Its node's and, before those, its own.
    pub(crate) labels: Labels,
    pub(crate) books: Books,
    /// What its node and zone count of it.
    pub(crate) counted: Load,
}

impl Pool {
    pub(crate) fn new(spec: PoolSpec, node: &NodeSpec, words: &mut Words) -> Self {
        let word = words.learn(&format!("{}\0{}", spec.name.node, spec.name.pool));
        let node_word = words.learn(&node.name);
        let (media, labels, books) = (Vec::new(), Labels::default(), Books::default());
        let mut pool = Self {
            spec: spec.clone(),
            word,
            node: node_word,
            media,
            labels,
            books,
            counted: Load::default(),
        };
        pool.set(spec, node, words);
        pool
    }

    /// Something new is known of it.
    pub(crate) fn set(&mut self, spec: PoolSpec, node: &NodeSpec, words: &mut Words) {
        self.media = spec.media.iter().map(|tag| words.learn(tag)).collect();
        self.books.observe(&spec);
        self.spec = spec;
        self.relabel(node, words);
    }

    /// Something new is known of its node. Where that stands is no pool's to say.
    pub(crate) fn relabel(&mut self, node: &NodeSpec, words: &mut Words) {
        let mut merged = node.clone();
        merged.labels.extend(self.spec.labels.iter().map(|(key, value)| (key.clone(), value.clone())));
        self.labels = Labels::learn(merged.all_labels().iter(), words);
    }

    pub(crate) fn spec(&self) -> &PoolSpec {
        &self.spec
    }
}
