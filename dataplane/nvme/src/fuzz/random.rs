//! Where choices come from: a generator (SplitMix64), the same on every machine for the same seed, or the bytes of
//! a fuzzer's input, so that a small change of the input is a small change of the run.

/// The source.
#[derive(Clone, Debug)]
pub(super) struct Random {
    state: u64,
    /// Input not yet used, last byte first.
    input: Vec<u8>,
}

impl Random {
    pub(super) const fn new(seed: u64) -> Self {
        Self { state: seed, input: Vec::new() }
    }

    /// Choices by `input` while it lasts, then by the generator.
    pub(super) fn from_input(input: &[u8]) -> Self {
        Self { state: 0, input: input.iter().rev().copied().collect() }
    }

    /// Whether choices are the input's to make still.
    pub(super) const fn has_input(&self) -> bool {
        !self.input.is_empty()
    }

    pub(super) const fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ self.state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// Evenly in `0..bound` (as evenly as a byte of input can); 0 if `bound` is 0.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        if let Some(byte) = self.input.pop() {
            return usize::from(byte) * bound / 256;
        }
        let wide = u128::from(self.next()) * bound as u128;
        usize::try_from(wide >> 64).expect("less than the bound")
    }

    /// True once in `times` on average.
    pub(super) fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub(super) fn byte(&mut self) -> u8 {
        u8::try_from(self.below(256)).expect("less than 256")
    }
}
