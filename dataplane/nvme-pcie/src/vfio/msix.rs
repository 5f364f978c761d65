//! The MSI-X capability (PCI Local Bus Specification 3.0 section 6.8.2): where a vector's mask bit is.
//!
//! | bytes of the capability | field |
//! |---|---|
//! | 0 | capability ID, 11h |
//! | 1 | next capability |
//! | 2..4 | message control: table size in bits 10:0, 0-based |
//! | 4..8 | table: BAR in bits 2:0, offset above them |
//!
//! An entry of the table has 16 bytes; bit 0 of its last dword masks the vector. Masking there costs one write to
//! memory of the device, against a call into the kernel and a re-routed interrupt for everything else that would.

/// Capability ID.
const MSIX: u8 = 0x11;

/// Offset of the vector control dword in a table entry.
const VECTOR_CONTROL: u32 = 12;

/// Where in config space the list of capabilities begins.
const CAPABILITIES: u8 = 0x34;

/// The place of vector 0's control dword.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct VectorControl {
    /// The region that the table is in.
    pub(super) bar: u8,
    /// In bytes from its start.
    pub(super) offset: u32,
}

impl VectorControl {
    /// From the first 256 bytes of config space; `None`: the function has no MSI-X.
    pub(super) fn find(config: &[u8; 256]) -> Option<Self> {
        let mut at = config[usize::from(CAPABILITIES)] & !0b11;
        // A list that bites its own tail ends after as many steps as there is room for capabilities.
        for _ in 0..64 {
            let capability = config.get(usize::from(at)..usize::from(at) + 8).filter(|_| at >= 0x40)?;
            if capability[0] == MSIX {
                let table = u32::from_le_bytes([capability[4], capability[5], capability[6], capability[7]]);
                return Some(Self { bar: capability[4] & 0b111, offset: (table & !0b111) + VECTOR_CONTROL });
            }
            at = capability[1] & !0b11;
        }
        None
    }
}

#[cfg(test)]
mod test {
    use super::*;

    fn config(capabilities: &[(u8, [u8; 8])]) -> [u8; 256] {
        let mut config = [0; 256];
        config[0x34] = capabilities.first().map_or(0, |(at, _)| *at);
        for (at, bytes) in capabilities {
            config[usize::from(*at)..usize::from(*at) + 8].copy_from_slice(bytes);
        }
        config
    }

    #[test]
    fn the_mask_is_found_behind_other_capabilities() {
        let other = (0x40, [0x01, 0x60, 0, 0, 0, 0, 0, 0]);
        let msix = (0x60, [0x11, 0, 0x40, 0, 0x04, 0x20, 0, 0]);
        let found = VectorControl::find(&config(&[other, msix]));
        assert_eq!(found, Some(VectorControl { bar: 4, offset: 0x200c }));
    }

    #[test]
    fn functions_without_msix_and_broken_lists_have_none() {
        assert_eq!(VectorControl::find(&config(&[])), None);
        let circle = [(0x40, [0x01, 0x50, 0, 0, 0, 0, 0, 0]), (0x50, [0x05, 0x40, 0, 0, 0, 0, 0, 0])];
        assert_eq!(VectorControl::find(&config(&circle)), None);
        assert_eq!(VectorControl::find(&[0xff; 256]), None, "a device that is gone");
    }
}
