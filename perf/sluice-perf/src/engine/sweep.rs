//! One pass over a region, first block to last: preconditioning and reading back.

use crate::workload::{Access, AccessOp, Region};

/// The rest of a pass.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sweep {
    op: AccessOp,
    next: u64,
    end: u64,
    /// Blocks per access.
    step: u32,
}

impl Sweep {
    /// A pass of `op` over `region` in accesses of `step` blocks, the last one shorter.
    pub(crate) fn new(op: AccessOp, region: Region, step: u32) -> Self {
        Self { op, next: region.first, end: region.end(), step }
    }

    /// The next access, `None` at the end.
    pub(crate) fn draw(&mut self) -> Option<Access> {
        let left = self.end - self.next;
        let blocks = u32::try_from(left).unwrap_or(u32::MAX).min(self.step);
        let access = Access { op: self.op, lba: self.next, blocks };
        self.next += u64::from(blocks);
        (blocks > 0).then_some(access)
    }

    /// Whether everything was drawn.
    pub(crate) fn is_done(&self) -> bool {
        self.next == self.end
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn covers_every_block_once() {
        let mut sweep = Sweep::new(AccessOp::Read, Region { first: 5, blocks: 70 }, 32);
        let drawn: Vec<(u64, u32)> = std::iter::from_fn(|| sweep.draw()).map(|a| (a.lba, a.blocks)).collect();
        assert_eq!(drawn, [(5, 32), (37, 32), (69, 6)]);
        assert!(sweep.is_done() && sweep.draw().is_none());
    }
}
