//! Namespace Identification Descriptor list (CNS 03h), NVMe Base 2.0 section 5.17.2.3.
//!
//! A run of descriptors; a zero NIDL ends it, and the rest of the 4096 bytes is zero.
//!
//! | byte | field |
//! |---|---|
//! | 0 | NIDT, type |
//! | 1 | NIDL, length of NID |
//! | 2..4 | reserved |
//! | 4.. | NID |

use crate::layout::{wire_enum, wire_layout};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

wire_enum! {
    /// NIDT: Namespace Identifier Type.
    pub enum IdentifierType: u8 {
        Eui64 = 0x01 => "IEEE Extended Unique Identifier",
        Nguid = 0x02 => "Namespace Globally Unique Identifier",
        Uuid = 0x03 => "Namespace UUID",
        CommandSet = 0x04 => "Command Set Identifier",
    }
}

impl IdentifierType {
    /// The only NIDL this type may have, in bytes.
    #[must_use]
    pub const fn length_bytes(self) -> u8 {
        match self {
            Self::Eui64 => 8,
            Self::Nguid | Self::Uuid => 16,
            Self::CommandSet => 1,
        }
    }
}

/// An identifier of a namespace. The byte arrays are big-endian, as their registries write them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamespaceIdentifier {
    /// EUI64.
    Eui64([u8; 8]),
    /// NGUID.
    Nguid([u8; 16]),
    /// UUID, RFC 4122 order.
    Uuid([u8; 16]),
    /// CSI: see [`super::CommandSet`].
    CommandSet(u8),
}

impl NamespaceIdentifier {
    /// Its type.
    #[must_use]
    pub const fn kind(&self) -> IdentifierType {
        match self {
            Self::Eui64(_) => IdentifierType::Eui64,
            Self::Nguid(_) => IdentifierType::Nguid,
            Self::Uuid(_) => IdentifierType::Uuid,
            Self::CommandSet(_) => IdentifierType::CommandSet,
        }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Eui64(id) => id,
            Self::Nguid(id) | Self::Uuid(id) => id,
            Self::CommandSet(csi) => core::slice::from_ref(csi),
        }
    }

    fn from_bytes(kind: IdentifierType, nid: &[u8]) -> Option<Self> {
        Some(match kind {
            IdentifierType::Eui64 => Self::Eui64(nid.try_into().ok()?),
            IdentifierType::Nguid => Self::Nguid(nid.try_into().ok()?),
            IdentifierType::Uuid => Self::Uuid(nid.try_into().ok()?),
            IdentifierType::CommandSet => Self::CommandSet(<[u8; 1]>::try_from(nid).ok()?[0]),
        })
    }
}

/// Head of one descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct DescriptorHead {
    /// NIDT: see [`IdentifierType`].
    pub nidt: u8,
    /// NIDL: bytes of NID.
    pub nidl: u8,
    /// Reserved.
    pub reserved: [u8; 2],
}

wire_layout!(DescriptorHead: 4 { nidt @ 0, nidl @ 1 });

/// The list as on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(transparent)]
pub struct DescriptorList([u8; 4096]);

const _: () = assert!(size_of::<DescriptorList>() == 4096);

impl DescriptorList {
    /// The list of `identifiers`; at most one of each type, which is why it always fits.
    ///
    /// # Panics
    /// If two have the same type.
    #[must_use]
    pub fn new(identifiers: &[NamespaceIdentifier]) -> Self {
        let mut list = Self([0; 4096]);
        let mut rest = list.0.as_mut_slice();
        for (index, identifier) in identifiers.iter().enumerate() {
            let kind = identifier.kind();
            assert!(
                identifiers[..index].iter().all(|other| other.kind() != kind),
                "one identifier of a type"
            );
            rest = put(rest, kind, identifier.bytes());
        }
        list
    }

    /// The identifiers whose type and length are known; others are skipped.
    pub fn iter(&self) -> impl Iterator<Item = NamespaceIdentifier> {
        let mut rest = self.0.as_slice();
        core::iter::from_fn(move || {
            let descriptor = Descriptor::first_of(rest)?;
            rest = descriptor.rest;
            Some(descriptor)
        })
        .filter_map(|found| {
            NamespaceIdentifier::from_bytes(IdentifierType::from_wire(found.nidt)?, found.nid)
        })
    }
}

/// One descriptor found in a list, of whatever type.
struct Descriptor<'a> {
    nidt: u8,
    nid: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Descriptor<'a> {
    /// `None` at the end of the list, which is also where a descriptor would overrun it.
    fn first_of(list: &'a [u8]) -> Option<Self> {
        let (head, rest) = DescriptorHead::ref_from_prefix(list).ok()?;
        let (nid, rest) = rest.split_at_checked(usize::from(head.nidl))?;
        (!nid.is_empty()).then_some(Self { nidt: head.nidt, nid, rest })
    }
}

/// Writes one descriptor and returns what is left.
fn put<'a>(rest: &'a mut [u8], kind: IdentifierType, nid: &[u8]) -> &'a mut [u8] {
    let head = DescriptorHead { nidt: kind.wire(), nidl: kind.length_bytes(), reserved: [0; 2] };
    let (head_bytes, rest) = rest.split_at_mut(size_of::<DescriptorHead>());
    head_bytes.copy_from_slice(head.as_bytes());
    let (nid_bytes, rest) = rest.split_at_mut(nid.len());
    nid_bytes.copy_from_slice(nid);
    rest
}

#[cfg(test)]
mod test {
    use super::*;

    const IDENTIFIERS: [NamespaceIdentifier; 4] = [
        NamespaceIdentifier::Eui64(*b"01234567"),
        NamespaceIdentifier::Nguid(*b"0123456789abcdef"),
        NamespaceIdentifier::Uuid(*b"fedcba9876543210"),
        NamespaceIdentifier::CommandSet(0),
    ];

    #[test]
    fn golden() {
        let list = DescriptorList::new(&IDENTIFIERS);
        let golden = [
            b"\x01\x08\0\0".as_slice(),
            b"01234567",
            b"\x02\x10\0\0",
            b"0123456789abcdef",
            b"\x03\x10\0\0",
            b"fedcba9876543210",
            b"\x04\x01\0\0",
            b"\0",
            b"\0\0\0\0",
        ]
        .concat();
        assert_eq!(&list.as_bytes()[..golden.len()], golden);
        assert_eq!(list.iter().collect::<Vec<_>>(), IDENTIFIERS);
    }

    #[test]
    fn unknown_types_and_wrong_lengths_are_skipped() {
        let mut bytes = [0; 4096];
        bytes[..5].copy_from_slice(&[9, 1, 0, 0, 7]);
        bytes[5..11].copy_from_slice(&[1, 2, 0, 0, 7, 7]);
        bytes[11..16].copy_from_slice(&[4, 1, 0, 0, 2]);
        let list = DescriptorList::read_from_bytes(&bytes).expect("the size is right");
        assert_eq!(list.iter().collect::<Vec<_>>(), [NamespaceIdentifier::CommandSet(2)]);
    }

    #[test]
    fn a_descriptor_past_the_end_ends_the_list() {
        let bytes = [0xff; 4096];
        let list = DescriptorList::read_from_bytes(&bytes).expect("the size is right");
        assert_eq!(list.iter().count(), 0);
    }

    #[test]
    #[should_panic(expected = "one identifier of a type")]
    fn two_of_a_type_are_our_mistake() {
        let _ = DescriptorList::new(&[IDENTIFIERS[0], IDENTIFIERS[0]]);
    }
}
