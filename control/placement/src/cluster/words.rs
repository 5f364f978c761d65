//! Names as numbers: pools are compared by the thousand for each volume.

use std::collections::BTreeMap;

use crate::model::Name;

/// A name that was seen. Equal names are equal words; their order means nothing and decides nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Word(u32);

/// All names seen so far. They are what operators wrote on nodes and pools, so there are few, and none is forgotten.
#[derive(Debug, Clone, Default)]
pub(crate) struct Words(BTreeMap<Name, Word>);

impl Words {
    /// The name's word, which is new if the name is.
    pub(crate) fn learn(&mut self, name: &str) -> Word {
        if let Some(word) = self.0.get(name) {
            return *word;
        }
        let word = Word(u32::try_from(self.0.len()).expect("fewer names than there is memory for"));
        self.0.insert(name.into(), word);
        word
    }

    /// The name's word; `None`: no node and no pool has ever had this name on it.
    pub(crate) fn find(&self, name: &str) -> Option<Word> {
        self.0.get(name).copied()
    }
}

/// Keys and values, by key.
#[derive(Debug, Clone, Default)]
pub(crate) struct Labels(Vec<(Word, Word)>);

impl Labels {
    pub(crate) fn learn<'a>(labels: impl Iterator<Item = (&'a Name, &'a Name)>, words: &mut Words) -> Self {
        let mut pairs: Vec<(Word, Word)> =
            labels.map(|(key, value)| (words.learn(key), words.learn(value))).collect();
        pairs.sort_unstable();
        Self(pairs)
    }

    /// The value that a key has.
    pub(crate) fn get(&self, key: Word) -> Option<Word> {
        let at = self.0.binary_search_by_key(&key, |(key, _)| *key).ok()?;
        Some(self.0[at].1)
    }
}
