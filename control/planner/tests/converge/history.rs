//! What may happen.

use proptest::collection::vec;
use proptest::prelude::*;

/// What people ask for. Indexes are taken modulo what there is.
#[derive(Debug, Clone)]
pub(crate) enum Ask {
    /// A volume in a pool, of an application.
    Volume { pool: usize, app: usize },
    /// A clone of a volume or a snapshot, larger by so many steps.
    Clone { source: usize, of_snapshot: bool, app: usize, larger: u64 },
    /// A volume is to go.
    DeleteVolume(usize),
    /// A volume is to be larger by so many steps.
    Grow(usize, u64),
    /// Which of three hosts may connect to a volume, as bits; 8: any.
    Access(usize, u8),
    /// A snapshot of a volume, or of all in its pool as a group.
    Snapshot { volume: usize, group: bool },
    /// A snapshot is to go.
    DeleteSnapshot(usize),
    /// What an application is promised.
    SetApp(usize, u32),
    /// An application is to go.
    DeleteApp(usize),
}

/// How a round goes wrong: everything in it is drawn from this seed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chaos(pub(crate) u64);

impl Chaos {
    /// True so many times in a hundred.
    pub(crate) fn happens(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

#[derive(Debug, Clone)]
pub(crate) enum Event {
    Ask(Ask),
    /// A drive loses one of its volumes.
    Lose(usize),
    /// The service observes, plans, records and acts, as far as it comes.
    Round(Chaos),
}

fn ask() -> impl Strategy<Value = Ask> {
    let index = || 0usize..64;
    prop_oneof![
        6 => (index(), index()).prop_map(|(pool, app)| Ask::Volume { pool, app }),
        4 => (index(), any::<bool>(), index(), 0u64..3)
            .prop_map(|(source, of_snapshot, app, larger)| Ask::Clone { source, of_snapshot, app, larger }),
        4 => index().prop_map(Ask::DeleteVolume),
        3 => (index(), 1u64..4).prop_map(|(volume, steps)| Ask::Grow(volume, steps)),
        5 => (index(), 0u8..9).prop_map(|(volume, hosts)| Ask::Access(volume, hosts)),
        4 => (index(), prop::bool::weighted(0.3)).prop_map(|(volume, group)| Ask::Snapshot { volume, group }),
        3 => index().prop_map(Ask::DeleteSnapshot),
        3 => (index(), 0u32..500).prop_map(|(app, min_iops)| Ask::SetApp(app, min_iops)),
        1 => index().prop_map(Ask::DeleteApp),
    ]
}

pub(crate) fn history() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        6 => ask().prop_map(Event::Ask),
        3 => any::<u64>().prop_map(|seed| Event::Round(Chaos(seed))),
        1 => (0usize..64).prop_map(Event::Lose),
    ];
    vec(event, 1..60)
}
