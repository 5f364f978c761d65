//! How full a pool, a node or a zone is.

/// A part of a whole, in MiB or in IOPS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Fill {
    taken: u64,
    whole: u64,
}

impl Fill {
    /// In millionths, rounded down; of nothing, nothing is taken.
    fn ppm(self) -> u64 {
        // Exact up to 8 EiB taken of a zone; beyond that it ranks as fuller than it is.
        (self.taken.saturating_mul(1_000_000)).checked_div(self.whole).unwrap_or(0)
    }
}

/// What is taken of what there is. Sums are exact, so that what was added can be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Load {
    /// Sizes against what they may add up to, in MiB.
    provisioned: Fill,
    /// Room taken against what is usable, in MiB.
    taken: Fill,
    /// Min IOPS promised against what is guaranteed.
    promised: Fill,
}

/// One of the three figures of a load.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figures {
    pub(crate) taken: u64,
    pub(crate) whole: u64,
}

impl Load {
    /// Of sizes and room in bytes, and of IOPS.
    pub(crate) fn new(provisioned: Figures, taken: Figures, promised: Figures) -> Self {
        let mib = |figures: Figures| Fill { taken: figures.taken >> 20, whole: figures.whole >> 20 };
        let promised = Fill { taken: promised.taken, whole: promised.whole };
        Self { provisioned: mib(provisioned), taken: mib(taken), promised }
    }

    /// The fullest of the three counts: one thing used up is enough to be full.
    pub(crate) fn ppm(&self) -> u64 {
        self.provisioned.ppm().max(self.taken.ppm()).max(self.promised.ppm())
    }

    pub(crate) fn add(&mut self, other: Self) {
        for (sum, part) in self.fills().into_iter().zip(other.values()) {
            sum.taken += part.taken;
            sum.whole += part.whole;
        }
    }

    pub(crate) fn remove(&mut self, other: Self) {
        for (sum, part) in self.fills().into_iter().zip(other.values()) {
            sum.taken -= part.taken;
            sum.whole -= part.whole;
        }
    }

    fn fills(&mut self) -> [&mut Fill; 3] {
        [&mut self.provisioned, &mut self.taken, &mut self.promised]
    }

    fn values(&self) -> [Fill; 3] {
        [self.provisioned, self.taken, self.promised]
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn the_fullest_figure_counts() {
        let figures = |taken, whole| Figures { taken, whole };
        let load = Load::new(figures(10 << 30, 100 << 30), figures(5 << 30, 20 << 30), figures(1, 3));
        assert_eq!(load.ppm(), 333_333);
        let unknown = Load::new(figures(10 << 30, 100 << 30), figures(0, 100 << 30), figures(0, 0));
        assert_eq!(unknown.ppm(), 100_000);
    }
}
