//! I/O Command Set Profile (FID 19h), NVMe Base 2.0 section 5.27.1.21: which combination of Identify CNS 1Ch is
//! in force.

use crate::bits::bit_fields;

bit_fields! {
    /// The combination of command sets.
    pub struct CommandSetProfile(u32) {
        /// IOCSCI: index into the vectors of [`crate::identify::command_sets::CommandSets`].
        iocsci, with_iocsci: u16 = 0..9;
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn golden() {
        assert_eq!(CommandSetProfile::default().with_iocsci(511).bits(), 0x1ff);
    }
}
