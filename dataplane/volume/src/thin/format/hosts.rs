//! A volume's allow-list of hosts.
//!
//! | bytes | field | meaning |
//! |---|---|---|
//! | 0..48 | head | generation: the checkpoint's |
//! | 48..52 | id | the volume's |
//! | 52..56 | count | listed hosts, 0 to 8 |
//! | 56..64 | reserved_0 | zero |
//! | 64..1856 | hosts | 8 x [`Host`]: length byte, 223 bytes of UTF-8 padded with zeroes; unused ones blank |
//! | 1856..4096 | reserved_1 | zero |

use std::mem::offset_of;

use uuid::Uuid;
use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::text::{put, take};
use super::{BLOCK_BYTES, Damage, Head, Kind, PageRef};
use crate::{HostAccess, MAX_HOST_NQN_BYTES, MAX_HOSTS};

/// One entry of an allow-list, here and in [records](super::record::access).
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct Host {
    length: u8,
    nqn: [u8; MAX_HOST_NQN_BYTES],
}

impl Host {
    /// Its length.
    pub(crate) const BYTES: usize = 224;

    pub(crate) fn new(nqn: &str) -> Self {
        let mut host = Self::new_zeroed();
        host.length = put(&mut host.nqn, nqn);
        host
    }

    pub(crate) fn nqn(&self) -> Result<String, Damage> {
        take(&self.nqn, self.length)
    }
}

/// See the module's table.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct HostsPage {
    head: [u8; 48],
    id: U32,
    count: U32,
    reserved_0: [u8; 8],
    hosts: [Host; MAX_HOSTS],
    reserved_1: [u8; 2240],
}

const _: () = assert!(size_of::<Host>() == Host::BYTES);
const _: () = assert!(size_of::<HostsPage>() == BLOCK_BYTES);
const _: () = assert!(offset_of!(HostsPage, hosts) == 64);
const _: () = assert!(offset_of!(HostsPage, reserved_1) == 1856);

impl HostsPage {
    /// Writes the list of volume `id`.
    ///
    /// # Panics
    /// If there are more than [`MAX_HOSTS`].
    pub(crate) fn encode(id: u32, hosts: &[String], pool: Uuid, page: (u64, u64), block: &mut [u8]) {
        let (address, generation) = page;
        let mut raw = Self::new_zeroed();
        raw.id = id.into();
        raw.count = u32::try_from(hosts.len()).expect("at most MAX_HOSTS").into();
        for (place, nqn) in raw.hosts[..hosts.len()].iter_mut().zip(hosts) {
            *place = Host::new(nqn);
        }
        block.copy_from_slice(raw.as_bytes());
        Head { kind: Kind::Hosts, pool, generation, address }.seal(block);
    }

    /// The list of volume `id`.
    pub(crate) fn decode(id: u32, page: PageRef, pool: Uuid, block: &[u8]) -> Result<HostAccess, Damage> {
        let generation = Head::open(block, Kind::Hosts, pool, page.address())?;
        if !page.admits(generation) {
            return Err(Damage::Generation);
        }
        let raw = Self::ref_from_bytes(block).map_err(|_| Damage::Magic)?;
        let wrong = Damage::Contents("a hosts page has unknown contents");
        let (used, unused) = raw.hosts.split_at_checked(raw.count.get() as usize).ok_or(wrong)?;
        let blank = unused.iter().all(|host| host.as_bytes().iter().all(|byte| *byte == 0));
        if raw.id.get() != id || raw.reserved_0 != [0; 8] || raw.reserved_1 != [0; 2240] || !blank {
            return Err(wrong);
        }
        let access = HostAccess::Hosts(used.iter().map(Host::nqn).collect::<Result<_, _>>()?);
        access.check().map_err(|_| Damage::Contents("a host's NQN is invalid")).map(|()| access)
    }
}
