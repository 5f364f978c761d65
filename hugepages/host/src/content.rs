//! What a drive holds, as far as its first bytes tell. Pure.

/// How much of a drive is looked at, from its first byte on.
pub const LOOK_BYTES: u32 = 1 << 20;

/// A mark at a fixed place.
struct Signature {
    offset: usize,
    bytes: &'static [u8],
    name: &'static str,
}

/// The superblock of a Sluice pool begins with this. Told a second time here, below the crate of the format; the VM test
/// of the daemon sees that a drive with a pool on it is known as ours.
pub(crate) const POOL: &[u8] = b"SLUICEPL";

/// More telling marks first: a disk with a GPT also has an MBR that says so.
const SIGNATURES: [Signature; 10] = [
    Signature { offset: 512, bytes: b"EFI PART", name: "a GPT partition table" },
    Signature { offset: 4096, bytes: b"EFI PART", name: "a GPT partition table" },
    Signature { offset: 512, bytes: b"LABELONE", name: "an LVM physical volume" },
    Signature { offset: 0, bytes: b"LUKS\xba\xbe", name: "a LUKS container" },
    Signature { offset: 0, bytes: b"XFSB", name: "an XFS file system" },
    Signature { offset: 0x438, bytes: b"\x53\xef", name: "an ext file system" },
    Signature { offset: 0x1_0040, bytes: b"_BHRfS_M", name: "a Btrfs file system" },
    Signature { offset: 4096, bytes: b"\xfc\x4e\x2b\xa9", name: "a member of an MD array" },
    Signature { offset: 4086, bytes: b"SWAPSPACE2", name: "swap space" },
    Signature { offset: 510, bytes: b"\x55\xaa", name: "a partition table" },
];

/// What a drive holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    /// Zeroes, as far as was looked.
    Blank,
    /// A pool of ours.
    Pool,
    /// Somebody's data.
    Foreign(&'static str),
}

/// What is lost with a drive that begins so, in words; `None`: it is blank, as far as was looked.
#[must_use]
pub fn holds(beginning: &[u8]) -> Option<&'static str> {
    match judge(beginning) {
        Content::Blank => None,
        Content::Pool => Some("a pool of volumes"),
        Content::Foreign(what) => Some(what),
    }
}

/// Judges a drive by its beginning.
pub(crate) fn judge(beginning: &[u8]) -> Content {
    let has =
        |offset: usize, bytes: &[u8]| beginning.get(offset..).is_some_and(|rest| rest.starts_with(bytes));
    if has(0, POOL) {
        return Content::Pool;
    }
    let found = SIGNATURES.iter().find(|signature| has(signature.offset, signature.bytes));
    match found {
        Some(signature) => Content::Foreign(signature.name),
        None if beginning.iter().all(|byte| *byte == 0) => Content::Blank,
        None => Content::Foreign("data of an unknown kind"),
    }
}

#[cfg(test)]
mod test {
    use super::*;

    fn beginning(marks: &[(usize, &[u8])]) -> Vec<u8> {
        let mut bytes = vec![0; LOOK_BYTES as usize];
        for (offset, mark) in marks {
            bytes[*offset..offset + mark.len()].copy_from_slice(mark);
        }
        bytes
    }

    #[test]
    fn every_signature_is_found_at_its_place() {
        for Signature { offset, bytes, name } in &SIGNATURES {
            assert_eq!(judge(&beginning(&[(*offset, bytes)])), Content::Foreign(name));
        }
        let gpt = beginning(&[(510, b"\x55\xaa"), (512, b"EFI PART")]);
        assert_eq!(judge(&gpt), Content::Foreign("a GPT partition table"));
    }

    #[test]
    fn blank_drives_and_our_own_are_told_from_the_rest() {
        assert_eq!(judge(&beginning(&[])), Content::Blank);
        assert_eq!(judge(&[]), Content::Blank);
        assert_eq!(judge(&beginning(&[(0, POOL)])), Content::Pool);
        assert_eq!(judge(&beginning(&[(77_777, &[1])])), Content::Foreign("data of an unknown kind"));
        assert_eq!((holds(&[]), holds(&beginning(&[(0, POOL)]))), (None, Some("a pool of volumes")));
    }
}
