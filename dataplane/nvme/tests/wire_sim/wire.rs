//! One direction of a connection: takes what an end transmits in runs of any length, hands it over in others, and may
//! flip one bit on the way.

use crate::random::Random;
use std::io::IoSlice;

#[derive(Default)]
pub(crate) struct Wire {
    in_flight: Vec<u8>,
    sent: usize,
    /// Which bit of the stream to flip, counted from its start.
    pub(crate) flip: Option<usize>,
    pub(crate) flipped: bool,
}

impl Wire {
    /// Takes a random part of what `gather` offers; returns how many bytes.
    pub(crate) fn take<'a>(
        &mut self,
        random: &mut Random,
        gather: impl FnOnce(&mut [IoSlice<'a>]) -> usize,
    ) -> usize {
        let mut slices = [IoSlice::new(&[]); 64];
        let slots = 1 + random.below(slices.len());
        let filled = gather(&mut slices[..slots]);
        let total: usize = slices[..filled].iter().map(|slice| slice.len()).sum();
        let mut left = if random.one_in(3) { random.below(total + 1) } else { total };
        let taken = left;
        for slice in &slices[..filled] {
            let part = &slice[..left.min(slice.len())];
            self.in_flight.extend_from_slice(part);
            left -= part.len();
        }
        self.corrupt(taken);
        self.sent += taken;
        taken
    }

    fn corrupt(&mut self, taken: usize) {
        let Some(bit) = self.flip.filter(|bit| (self.sent..self.sent + taken).contains(&(bit / 8))) else {
            return;
        };
        let at = self.in_flight.len() - taken + (bit / 8 - self.sent);
        self.in_flight[at] ^= 1 << (bit % 8);
        self.flipped = true;
    }

    /// A segment of any length for the other end.
    pub(crate) fn segment(&mut self, random: &mut Random) -> Vec<u8> {
        let waiting = self.in_flight.len();
        let length = match random.below(4) {
            0 => waiting,
            1 => waiting.min(1 + random.below(200)),
            2 => waiting.min(1 + random.below(9000)),
            _ => random.below(waiting + 1),
        };
        self.in_flight.drain(..length).collect()
    }
}
