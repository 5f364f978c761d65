//! A volume is published to hosts, or to none.
//!
//! | bytes | field | meaning |
//! |---|---|---|
//! | 0 | kind | 8 |
//! | 1 | reserved | zero |
//! | 2 | flags | bit 0: published; bit 1: only the listed hosts may connect; others zero |
//! | 3 | count | listed hosts, 0 to 8; 0 if bit 1 is clear |
//! | 4..8 | map | id of the volume |
//! | 8.. | hosts | `count` x [`Host`], 224 bytes each |

use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::LENGTH;
use crate::HostAccess;
use crate::thin::format::Damage;
use crate::thin::format::hosts::Host;

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Raw {
    kind: u8,
    reserved: u8,
    flags: u8,
    count: u8,
    map: U32,
}

const _: () = assert!(size_of::<Raw>() == 8);

const PUBLISHED: u8 = 1 << 0;
const LISTED_HOSTS: u8 = 1 << 1;

/// See the module's table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Access {
    pub(crate) map: u32,
    pub(crate) published: bool,
    pub(crate) access: HostAccess,
}

impl Access {
    pub(super) const KIND: u8 = 8;

    fn hosts(&self) -> &[String] {
        if let HostAccess::Hosts(hosts) = &self.access { hosts } else { &[] }
    }

    pub(super) fn bytes(&self) -> usize {
        size_of::<Raw>() + self.hosts().len() * Host::BYTES
    }

    pub(super) fn encode(&self, out: &mut [u8]) {
        let bit = |set: bool, bit: u8| if set { bit } else { 0 };
        let listed = matches!(self.access, HostAccess::Hosts(_));
        let raw = Raw {
            kind: Self::KIND,
            reserved: 0,
            flags: bit(self.published, PUBLISHED) | bit(listed, LISTED_HOSTS),
            count: u8::try_from(self.hosts().len()).expect("at most MAX_HOSTS"),
            map: self.map.into(),
        };
        let (head, hosts) = out.split_at_mut(size_of::<Raw>());
        head.copy_from_slice(raw.as_bytes());
        for (place, nqn) in hosts.chunks_exact_mut(Host::BYTES).zip(self.hosts()) {
            place.copy_from_slice(Host::new(nqn).as_bytes());
        }
    }

    /// Its length, told by its first bytes.
    pub(super) fn length(bytes: &[u8; 4]) -> usize {
        size_of::<Raw>() + usize::from(bytes[3]) * Host::BYTES
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Damage> {
        let (raw, hosts) = Raw::ref_from_prefix(bytes).map_err(|_| LENGTH)?;
        let hosts = <[Host]>::ref_from_bytes(hosts).map_err(|_| LENGTH)?;
        let listed = raw.flags & LISTED_HOSTS != 0;
        let known = raw.reserved == 0 && raw.flags & !(PUBLISHED | LISTED_HOSTS) == 0;
        if hosts.len() != usize::from(raw.count) || !known || !(listed || hosts.is_empty()) {
            return Err(Damage::Contents("a record publishes to impossible hosts"));
        }
        let access = if listed {
            HostAccess::Hosts(hosts.iter().map(Host::nqn).collect::<Result<_, _>>()?)
        } else {
            HostAccess::Any
        };
        access.check().map_err(|_| Damage::Contents("a host's NQN is invalid"))?;
        Ok(Self { map: raw.map.get(), published: raw.flags & PUBLISHED != 0, access })
    }
}
