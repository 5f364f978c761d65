//! A sector's possible contents, as plainly as possible: every write that was ever begun there, and when it ended.
//!
//! Time is a count of events. A write *supersedes* another if it began after the other had ended: then no order of
//! the two is possible but theirs.

/// What a sector holds: the number of the write that filled it; 0: zeroes.
pub(crate) type Stamp = u64;

/// A write of the sector.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Version {
    pub(crate) stamp: Stamp,
    /// Tells writes of zeroes apart.
    pub(crate) id: u64,
    pub(crate) begun: u64,
    pub(crate) ended: Option<u64>,
    /// It did not fail: it must be there.
    pub(crate) good: bool,
    /// It must be there even if the power failed.
    pub(crate) durable: bool,
}

impl Version {
    fn of(stamp: Stamp) -> Self {
        Self { stamp, id: 0, begun: 0, ended: Some(0), good: true, durable: true }
    }

    /// Whether `later` leaves no trace of this one.
    fn is_superseded_by(&self, later: &Self) -> bool {
        self.ended.is_some_and(|ended| later.begun > ended)
    }
}

/// See the module's description.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    versions: Vec<Version>,
}

impl Default for Cell {
    /// Zeroes, durable.
    fn default() -> Self {
        Self { versions: vec![Version::of(0)] }
    }
}

impl Cell {
    /// What was found there, which no crash changes.
    pub(crate) fn settled(stamp: Stamp) -> Self {
        Self { versions: vec![Version::of(stamp)] }
    }

    pub(crate) fn begin(&mut self, id: u64, stamp: Stamp, now: u64) {
        self.versions.push(Version { stamp, id, begun: now, ended: None, good: false, durable: false });
    }

    /// Everything that `other` may hold was written here between `begun` and `ended`, and is durable.
    pub(crate) fn overwrite(&mut self, other: &Self, begun: u64, ended: u64) {
        let ended = Some(ended);
        let again =
            |version: &Version| Version { begun, ended, good: true, durable: true, id: 0, ..*version };
        self.versions.extend(other.versions.iter().map(again));
    }

    /// A write is over, if it touched this sector.
    pub(crate) fn end_if_begun(&mut self, id: u64, now: u64, durable: bool) {
        self.end(id, now, true, durable);
    }

    /// A write has failed: it may have happened.
    pub(crate) fn fail_if_begun(&mut self, id: u64, now: u64) {
        self.end(id, now, false, false);
    }

    fn end(&mut self, id: u64, now: u64, good: bool, durable: bool) {
        let version = self.versions.iter_mut().find(|version| version.id == id && version.ended.is_none());
        if let Some(version) = version {
            (version.ended, version.good, version.durable) = (Some(now), good, durable);
        }
    }

    /// It never began: the write was refused before anything happened.
    pub(crate) fn forget(&mut self, id: u64) {
        self.versions.retain(|version| version.id != id || version.ended.is_some());
    }

    /// A flush that began at `begun` is over.
    pub(crate) fn flushed(&mut self, begun: u64) {
        for version in self.versions.iter_mut().filter(|version| version.good) {
            version.durable |= version.ended.is_some_and(|ended| ended < begun);
        }
    }

    /// Those that a look between `from` and `to` may see.
    fn visible(&self, from: u64, to: u64) -> impl Iterator<Item = &Version> {
        let over = move |version: &&Version| version.good && version.ended.is_some_and(|ended| ended < from);
        self.versions.iter().filter(move |version| {
            let superseded = self.versions.iter().filter(over).any(|later| version.is_superseded_by(later));
            version.begun <= to && !superseded
        })
    }

    pub(crate) fn may_be_seen(&self, found: Stamp, from: u64, to: u64) -> bool {
        self.visible(from, to).any(|version| version.stamp == found)
    }

    /// Whether it may hold that after the program was killed, or after the power failed.
    pub(crate) fn may_survive(&self, found: Stamp, power_failed: bool) -> bool {
        let certain = |version: &&Version| if power_failed { version.durable } else { version.good };
        self.versions.iter().any(|version| {
            let superseded =
                self.versions.iter().filter(certain).any(|later| version.is_superseded_by(later));
            version.stamp == found && !superseded
        })
    }

    /// What a copy made between `from` and `to` may hold.
    pub(crate) fn copy(&self, from: u64, to: u64) -> Self {
        Self { versions: self.visible(from, to).map(|version| Version::of(version.stamp)).collect() }
    }

    /// What a copy may hold that was being made, from `begun` on, when the world ended.
    pub(crate) fn copy_after_crash(&self, begun: u64) -> Self {
        let certain = |later: &&Version| later.durable && later.ended.is_some_and(|ended| ended < begun);
        let possible = self.versions.iter().filter(|version| {
            !self.versions.iter().filter(certain).any(|later| version.is_superseded_by(later))
        });
        Self { versions: possible.map(|version| Version::of(version.stamp)).collect() }
    }

    /// When, at a look between `from` and `to`, the sector could hold `found`: from the first moment to the last.
    pub(crate) fn moments(&self, found: Stamp, from: u64, to: u64) -> (u64, u64) {
        let mut moments = (u64::MAX, 0);
        for version in self.visible(from, to).filter(|version| version.stamp == found) {
            let after = self.versions.iter().filter(|later| later.good && version.is_superseded_by(later));
            let end = after.filter_map(|later| later.ended).min().unwrap_or(u64::MAX);
            moments = (moments.0.min(version.begun), moments.1.max(end));
        }
        moments
    }
}
