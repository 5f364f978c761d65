//! A node as it is compared.

use super::{Labels, Load, Word, Words};
use crate::model::NodeSpec;

#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) spec: NodeSpec,
    /// Its own name.
    pub(crate) word: Word,
    pub(crate) zone: Option<Word>,
    /// Told apart by the zone as well: racks are numbered alike in every hall.
    pub(crate) rack: Option<Word>,
    pub(crate) labels: Labels,
    /// Of all its pools that take volumes.
    pub(crate) load: Load,
}

impl Node {
    pub(crate) fn new(spec: NodeSpec, words: &mut Words) -> Self {
        let zone = spec.zone.as_ref().map(|zone| words.learn(zone));
        let in_zone = spec.zone.as_deref().unwrap_or("");
        let rack = spec.rack.as_ref().map(|rack| words.learn(&format!("{in_zone}\0{rack}")));
        let labels = Labels::learn(spec.all_labels().iter(), words);
        Self { word: words.learn(&spec.name), zone, rack, labels, load: Load::default(), spec }
    }
}
