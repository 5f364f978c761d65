//! Which core each reactor gets, and which are left to everything else.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Cores for the reactors, one entry per device in their order: as prescribed, else from the highest free one
/// down. The lowest free core stays without a reactor, for the API, the acceptor and the kernel; a device that
/// gets no core of its own is not pinned.
pub(super) fn assign(prescribed: &[Option<u32>], allowed: &[usize]) -> Vec<Option<usize>> {
    let fixed: Vec<Option<usize>> =
        prescribed.iter().map(|core| core.and_then(|c| c.try_into().ok())).collect();
    let mut free: Vec<usize> = allowed.iter().copied().filter(|core| !fixed.contains(&Some(*core))).collect();
    free.sort_unstable_by(|a, b| b.cmp(a));
    free.pop();
    let mut free = free.into_iter();
    fixed.into_iter().map(|core| core.or_else(|| free.next())).collect()
}

/// The cores this thread may use, ascending; none if the kernel does not say.
pub(super) fn allowed() -> Vec<usize> {
    match sched_getaffinity(None) {
        Ok(set) => (0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect(),
        Err(_) => Vec::new(),
    }
}

/// Keeps the calling thread, and those it starts, off the reactors' cores if any other core is left.
pub(crate) fn avoid(reactors: &[usize]) {
    let others: Vec<usize> = allowed().into_iter().filter(|core| !reactors.contains(core)).collect();
    if others.is_empty() {
        return;
    }
    let mut set = CpuSet::new();
    others.into_iter().for_each(|core| set.set(core));
    if let Err(error) = sched_setaffinity(None, &set) {
        tracing::warn!(%error, "this thread stays on the reactors' cores");
    }
}

#[cfg(test)]
mod test {
    use super::assign;

    #[test]
    fn reactors_get_cores_from_the_top_and_leave_one() {
        type Case<'a> = (&'a [Option<u32>], &'a [usize], &'a [Option<usize>]);
        let table: [Case<'_>; 8] = [
            (&[None], &[0], &[None]),
            (&[None], &[0, 1], &[Some(1)]),
            (&[None, None], &[0, 1], &[Some(1), None]),
            (&[None, None], &[0, 1, 2, 3], &[Some(3), Some(2)]),
            (&[Some(3), None], &[0, 1, 2, 3], &[Some(3), Some(2)]),
            (&[Some(0), None], &[0, 1, 2], &[Some(0), Some(2)]),
            (&[None, None, None], &[4, 6], &[Some(6), None, None]),
            (&[Some(9), None], &[], &[Some(9), None]),
        ];
        for (prescribed, allowed, expected) in table {
            assert_eq!(assign(prescribed, allowed), expected, "{prescribed:?} of {allowed:?}");
        }
    }
}
