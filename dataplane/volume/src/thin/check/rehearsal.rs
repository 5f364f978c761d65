//! The opening itself, in memory, over the blocks that the check has read: what it would find, or why it would end.

use std::collections::BTreeSet;

use super::report::Summary;
use crate::VolumeError;
use crate::thin::engine::{Flaw, flaws, mapped};
use crate::thin::format::superblock::Superblock;
use crate::thin::geometry::Geometry;
use crate::thin::open::reader::Reader;
use crate::thin::open::replay::replay_all;
use crate::thin::open::scan::Scan;
use crate::thin::open::tree::Tree;
use crate::thin::open::{build, loader};
use crate::thin::volume::Role;

/// Opens the pool in memory. Fills in what `summary` says of it; returns what is wrong with the counts.
pub(super) fn rehearse(
    superblock: &Superblock,
    geometry: &Geometry,
    reader: &mut Reader,
    scan: Scan,
    refuted: Vec<usize>,
    summary: &mut Summary,
) -> Result<Vec<Flaw>, VolumeError> {
    let mut tree = Tree::new(loader(geometry));
    tree.want_index(superblock, reader)?;
    tree.take_index(superblock, reader)?;
    tree.take_catalog(superblock, reader)?;
    tree.take_lists(superblock, reader)?;
    while tree.take_nodes(superblock, reader)? {}
    tree.join()?;
    let (mut table, mut forest, pages, _places) = build(superblock, tree)?;
    replay_all(scan.records, refuted, &mut table, &mut forest)?;

    let of = |role| table.volumes().filter(|volume| volume.record.role == role).count();
    (summary.volumes, summary.snapshots) = (of(Role::Volume), of(Role::Snapshot));
    summary.apps = table.apps().iter().flatten().count();
    summary.metadata_chunks = forest.space().fill().metadata;
    let chunks: BTreeSet<_> = mapped(&table, &forest);
    summary.data_chunks = u32::try_from(chunks.len()).expect("chunks have 32-bit numbers");
    Ok(flaws(&table, &forest, &pages, true))
}
