//! The way from the superblock to the rehearsal: which blocks are wanted when, and who looks at them.

use sluice_device::{Completion, Request};

use super::catalog::Catalog;
use super::fault::Fault;
use super::finding::{Affects, Opening};
use super::journal::Journal;
use super::ledger::{Ledger, Subject};
use super::nodes::Nodes;
use super::progress::CheckProgress;
use super::report::{CheckReport, Summary};
use super::{head, rehearsal};
use crate::VolumeError;
use crate::thin::buffers::Shelf;
use crate::thin::format::JOURNAL_BLOCK;
use crate::thin::format::record::Record;
use crate::thin::format::superblock::Superblock;
use crate::thin::geometry::Geometry;
use crate::thin::open::head::closed;
use crate::thin::open::reader::Reader;
use crate::thin::open::scan::Scan;
use crate::thin::open::verify::Verify;
use crate::thin::tag::{Own, Tag};

/// How far the check is: what it waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Start,
    Head,
    Index,
    Catalog,
    Lists,
    Nodes,
    Journal,
    Verify,
    Done,
}

/// The check without its device.
#[derive(Debug)]
pub(super) struct Walk {
    stage: Stage,
    device: Geometry,
    reader: Reader,
    /// The superblock that counts, and the pool's geometry.
    pool: Option<(Superblock, Geometry)>,
    ledger: Ledger,
    catalog: Catalog,
    nodes: Nodes,
    scan: Scan,
    verify: Verify,
    summary: Summary,
}

impl Walk {
    pub(super) fn new(device: Geometry, piece_bytes: u32) -> Self {
        Self {
            stage: Stage::Start,
            device,
            reader: Reader::new(device, piece_bytes),
            pool: None,
            ledger: Ledger::default(),
            catalog: Catalog::default(),
            nodes: Nodes::default(),
            scan: Scan::default(),
            verify: Verify::default(),
            summary: Summary::default(),
        }
    }

    /// Whether [`advance`](Self::advance) has something to do although nothing completes.
    pub(super) fn is_runnable(&self) -> bool {
        self.stage == Stage::Start
    }

    /// How far it is.
    pub(super) fn progress(&self) -> CheckProgress {
        let doing = match self.stage {
            Stage::Start | Stage::Head => "superblocks",
            Stage::Index | Stage::Catalog | Stage::Lists => "catalog",
            Stage::Nodes => "maps",
            Stage::Journal => "journal",
            Stage::Verify => "unfinished writes",
            Stage::Done => "done",
        };
        let (read, wanted) = self.reader.pieces();
        let piece_bytes = self.reader.piece_bytes();
        CheckProgress { doing, read_bytes: read * piece_bytes, wanted_bytes: wanted * piece_bytes }
    }

    /// Takes a completion.
    pub(super) fn complete(&mut self, completion: Completion, buffers: &mut Shelf) {
        let Tag::Own(Own::Load, number) = Tag::decode(completion.tag) else {
            unreachable!("a check only reads");
        };
        let buffer = match self.stage {
            Stage::Verify => self.verify.complete(number, completion),
            _ => self.reader.complete(number, completion),
        };
        buffers.give(buffer);
    }

    /// Sends requests and takes stages until it has to wait.
    pub(super) fn advance(
        &mut self,
        buffers: &mut Shelf,
        outbox: &mut Vec<Request>,
    ) -> Option<Result<CheckReport, VolumeError>> {
        loop {
            let error = if self.stage == Stage::Verify {
                let (_, geometry) = self.pool.as_ref().expect("a pool was found");
                while let Some(request) = self.verify.next(&mut self.scan, geometry, buffers) {
                    outbox.push(request);
                }
                if !self.verify.is_done(&self.scan) {
                    return None;
                }
                self.verify.error
            } else {
                while let Some(request) = self.reader.next(buffers) {
                    outbox.push(request);
                }
                if !self.reader.is_done() {
                    return None;
                }
                self.reader.error
            };
            if let Some(cause) = error {
                return Some(Err(VolumeError::Io { doing: "checking the pool", cause }));
            }
            self.stage = self.next_stage();
            if self.stage == Stage::Done {
                return Some(Ok(self.report()));
            }
        }
    }

    /// What was waited for is here.
    fn next_stage(&mut self) -> Stage {
        if self.stage == Stage::Start {
            (0..JOURNAL_BLOCK).for_each(|address| self.reader.want(address));
            return Stage::Head;
        }
        if self.stage == Stage::Head {
            return self.take_head();
        }
        let Self { ledger, reader, catalog, nodes, .. } = self;
        let (superblock, geometry) = self.pool.as_ref().expect("a pool was found");
        match self.stage {
            Stage::Index => {
                catalog.take_index(superblock, ledger, reader);
                Stage::Catalog
            }
            Stage::Catalog => {
                catalog.take_catalog(superblock, ledger, reader);
                nodes.want_roots(&catalog.entries, ledger, reader);
                Stage::Lists
            }
            Stage::Lists => {
                catalog.take_lists(superblock, ledger, reader);
                Stage::Nodes
            }
            Stage::Nodes if nodes.take(superblock, ledger, reader) => Stage::Nodes,
            Stage::Nodes => {
                nodes.check_ends(&catalog.entries, ledger);
                Scan::want(geometry, reader);
                Stage::Journal
            }
            Stage::Journal => self.take_journal(),
            Stage::Verify => self.end(),
            Stage::Start | Stage::Head | Stage::Done => unreachable!("handled before"),
        }
    }

    fn take_head(&mut self) -> Stage {
        let Some(superblock) = head::superblock(&self.reader, &mut self.ledger) else { return Stage::Done };
        (self.summary.pool, self.summary.generation) = (Some(superblock.pool), superblock.generation);
        let Some(geometry) = head::geometry(&superblock, &self.device, &mut self.ledger) else {
            return Stage::Done;
        };
        self.ledger.begin(&geometry);
        head::marks(&self.reader, &superblock, &mut self.ledger);
        self.catalog.want_index(&superblock, &mut self.ledger, &mut self.reader);
        self.pool = Some((superblock, geometry));
        Stage::Index
    }

    fn take_journal(&mut self) -> Stage {
        let (superblock, geometry) = self.pool.as_ref().expect("a pool was found");
        let closed = closed(&self.reader, superblock.pool, superblock.era);
        let journal = Journal { superblock, geometry, reader: &self.reader, closed };
        let end = journal.check(&self.catalog.entries, &mut self.ledger);
        self.summary = self.summarize(geometry, end - superblock.replay_from);
        if self.ledger.is_refused() {
            return Stage::Done;
        }
        match Scan::read(superblock, geometry, closed, &self.reader) {
            Ok(scan) => self.scan = scan,
            Err(error) => {
                self.ledger.note_pool(Fault::Refused(error), Opening::Refuses);
                return Stage::Done;
            }
        }
        self.summary.records = self.scan.records.len();
        Stage::Verify
    }

    /// The figures of the last checkpoint, and how much journal there is behind it.
    fn summarize(&self, geometry: &Geometry, journal_blocks: u64) -> Summary {
        let snapshots = self.catalog.entries.iter().filter(|listed| listed.entry.snapshot).count();
        let (data, metadata) = self.ledger.usage();
        let narrow = |count: usize| u32::try_from(count).expect("chunks have 32-bit numbers");
        Summary {
            volumes: self.catalog.entries.len() - snapshots,
            snapshots,
            apps: self.catalog.apps.len(),
            nodes: self.nodes.count(),
            chunks: geometry.chunks,
            data_chunks: narrow(data),
            metadata_chunks: narrow(metadata),
            journal_blocks,
            ..self.summary
        }
    }

    /// Doubtful writes are proved or refuted: opens the pool in memory.
    fn end(&mut self) -> Stage {
        let (superblock, geometry) = self.pool.as_ref().expect("a pool was found");
        let (scan, refuted) = (std::mem::take(&mut self.scan), std::mem::take(&mut self.verify.refuted));
        debug_assert!(refuted.iter().all(|at| matches!(scan.records[*at], Record::Write(_))));
        self.summary.refuted = refuted.len();
        let (reader, summary) = (&mut self.reader, &mut self.summary);
        match rehearsal::rehearse(superblock, geometry, reader, scan, refuted, summary) {
            Ok(flaws) => {
                for flaw in flaws {
                    self.ledger.note_pool(Fault::Flaw(flaw), Opening::Overlooks);
                }
            }
            Err(error) => self.ledger.note_pool(Fault::Refused(error), Opening::Refuses),
        }
        Stage::Done
    }

    fn report(&mut self) -> CheckReport {
        let (entries, nodes) = (&self.catalog.entries, &self.nodes);
        let affects = |subject| match subject {
            Subject::Nobody => Affects::Nobody,
            Subject::Pool => Affects::Pool,
            Subject::Unnamed(count) => Affects::Unnamed(count),
            Subject::Entry(number) => Affects::Volumes(vec![entries[number].affected()]),
            Subject::Node(node) => Affects::Volumes(
                nodes.entries_of(node).into_iter().map(|number| entries[number].affected()).collect(),
            ),
        };
        let complaints = std::mem::take(&mut self.ledger).into_complaints(affects);
        CheckReport { summary: self.summary, complaints }
    }
}
