//! A layer: chosen or random requests fail, without reaching the device below.
//!
//! The owner of the device keeps a [`Faults`] beside it and changes it at any time.

use std::cell::RefCell;
use std::ops::Range;
use std::os::fd::BorrowedFd;
use std::rc::Rc;

use crate::random::Random;
use crate::{BlockDevice, Completion, DeviceInfo, IoError, Nanos, Op, Ready, Request};

/// Requests that fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Which operations, whatever their flags; `None`: all.
    pub op: Option<Op>,
    /// Which blocks: requests that touch any of them. A Flush touches none; `None`: all requests.
    pub blocks: Option<Range<u64>>,
    /// Let this many matching requests pass first.
    pub after: u32,
    /// How many fail; `u32::MAX`: all from then on.
    pub count: u32,
    /// With this error.
    pub error: IoError,
}

impl Fault {
    /// The next `count` requests of the kind of `op` fail with `error`.
    #[must_use]
    pub fn next(op: Op, count: u32, error: IoError) -> Self {
        Self { op: Some(op), blocks: None, after: 0, count, error }
    }

    /// Whether the fault hits `request`; counts it if it might.
    fn strikes(&mut self, request: &Request) -> bool {
        if !self.matches(request) || self.count == 0 {
            return false;
        }
        if self.after > 0 {
            self.after -= 1;
            return false;
        }
        if self.count < u32::MAX {
            self.count -= 1;
        }
        true
    }

    fn matches(&self, request: &Request) -> bool {
        let same = |op: &Op| std::mem::discriminant(op) == std::mem::discriminant(&request.op);
        let end = request.lba.saturating_add(u64::from(request.blocks));
        let touches = |blocks: &Range<u64>| request.lba < blocks.end && blocks.start < end;
        self.op.as_ref().is_none_or(same) && self.blocks.as_ref().is_none_or(touches)
    }
}

#[derive(Debug)]
struct Script {
    faults: Vec<Fault>,
    random: Random,
    permille: u32,
    random_error: IoError,
}

/// What goes wrong, shared by a device and its owner.
#[derive(Debug, Clone)]
pub struct Faults {
    script: Rc<RefCell<Script>>,
}

impl Faults {
    /// Nothing goes wrong yet.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let random = Random::new(seed);
        let script = Script { faults: Vec::new(), random, permille: 0, random_error: IoError::Internal };
        Self { script: Rc::new(RefCell::new(script)) }
    }

    /// Adds a fault; the first that strikes a request wins.
    pub fn add(&self, fault: Fault) {
        self.script.borrow_mut().faults.push(fault);
    }

    /// Makes `permille` of a thousand requests fail with `error`, besides the chosen ones.
    pub fn at_random(&self, permille: u32, error: IoError) {
        let mut script = self.script.borrow_mut();
        (script.permille, script.random_error) = (permille, error);
    }

    /// All is well again.
    pub fn clear(&self) {
        let mut script = self.script.borrow_mut();
        script.faults.clear();
        script.permille = 0;
    }

    fn strike(&self, request: &Request) -> Option<IoError> {
        let script = &mut *self.script.borrow_mut();
        let chosen = script.faults.iter_mut().find_map(|fault| fault.strikes(request).then_some(fault.error));
        let permille = script.permille;
        chosen.or_else(|| script.random.chance(permille).then_some(script.random_error))
    }
}

/// The layer over `D`.
#[derive(Debug)]
pub struct ErrorDevice<D> {
    inner: D,
    faults: Faults,
    failed: Ready,
}

impl<D: BlockDevice> ErrorDevice<D> {
    /// Fails requests to `inner` as `faults` says.
    pub fn new(inner: D, faults: &Faults) -> Self {
        let failed = Ready::new(inner.info().queue_depth);
        Self { inner, faults: faults.clone(), failed }
    }

    /// The device below.
    pub fn inner(&self) -> &D {
        &self.inner
    }

    /// The device below, to change it.
    pub fn inner_mut(&mut self) -> &mut D {
        &mut self.inner
    }

    /// The device below.
    pub fn into_inner(self) -> D {
        self.inner
    }
}

impl<D: BlockDevice> BlockDevice for ErrorDevice<D> {
    fn info(&self) -> &DeviceInfo {
        self.inner.info()
    }

    fn submit(&mut self, now: Nanos, requests: &mut [Request]) -> usize {
        let room = self.info().queue_depth as usize - self.in_flight();
        let accepted = requests.len().min(room);
        for request in &mut requests[..accepted] {
            if let Some(error) = self.faults.strike(request) {
                let buffer = request.buffer.take();
                self.failed.push(Completion { tag: request.tag, result: Err(error), zeroes: false, buffer });
            } else {
                let taken = self.inner.submit(now, std::slice::from_mut(request));
                assert_eq!(taken, 1, "a device takes what it has room for");
            }
        }
        accepted
    }

    fn poll(&mut self, now: Nanos, completions: &mut [Completion]) -> usize {
        let count = self.failed.drain_into(completions);
        count + self.inner.poll(now, &mut completions[count..])
    }

    fn in_flight(&self) -> usize {
        self.inner.in_flight() + self.failed.len()
    }

    fn next_deadline(&self) -> Option<Nanos> {
        if self.failed.is_empty() { self.inner.next_deadline() } else { Some(Nanos::ZERO) }
    }

    fn wake_fd(&self) -> Option<BorrowedFd<'_>> {
        self.inner.wake_fd()
    }

    fn arm(&mut self) -> bool {
        self.failed.is_empty() && self.inner.arm()
    }

    fn disarm(&mut self) {
        self.inner.disarm();
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::null::{NullDevice, NullOptions};

    const ZEROES: Op = Op::WriteZeroes { fua: false, deallocate: false };

    fn results(faults: &Faults, requests: &[(Op, u64)]) -> Vec<Result<(), IoError>> {
        let mut device = ErrorDevice::new(NullDevice::new("n", &NullOptions::default()), faults);
        let run = |&(op, lba): &(Op, u64)| {
            let mut request = Request { tag: 0, op, lba, blocks: u32::from(op != Op::Flush), buffer: None };
            assert_eq!(device.submit(Nanos::ZERO, std::slice::from_mut(&mut request)), 1);
            let mut completion = Completion::default();
            assert_eq!(device.poll(Nanos::ZERO, std::slice::from_mut(&mut completion)), 1);
            completion.result
        };
        requests.iter().map(run).collect()
    }

    #[test]
    fn chosen_requests_fail() {
        let faults = Faults::new(0);
        faults.add(Fault { after: 1, ..Fault::next(Op::Flush, 1, IoError::WriteFault) });
        faults.add(Fault { op: None, blocks: Some(5..6), after: 0, count: u32::MAX, error: IoError::Media });
        let requests =
            [(Op::Flush, 0), (Op::Flush, 0), (Op::Flush, 0), (ZEROES, 4), (ZEROES, 5), (ZEROES, 6)];
        let (ok, fault, media) = (Ok(()), Err(IoError::WriteFault), Err(IoError::Media));
        assert_eq!(results(&faults, &requests), [ok, fault, ok, ok, media, ok]);
        faults.clear();
        assert_eq!(results(&faults, &requests), [ok; 6]);
    }

    #[test]
    fn random_failures_are_repeatable() {
        let run = |seed| {
            let faults = Faults::new(seed);
            faults.at_random(500, IoError::NoSpace);
            results(&faults, &[(Op::Flush, 0); 64])
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
        assert!(run(1).contains(&Ok(())) && run(1).contains(&Err(IoError::NoSpace)));
    }
}
