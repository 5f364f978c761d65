//! The records of the journal: each a change that happens wholly or not at all.
//!
//! Every record begins with its kind, which tells its length:
//!
//! | kind | record | bytes |
//! |---|---|---|
//! | 1 | [`Write`]: blocks of a map are now in a chunk | 24 |
//! | 2 | [`Unmap`]: blocks of a map are nowhere | 24 |
//! | 3 | [`Void`]: earlier writes to a place never happened | 16 |
//! | 4 | [`Make`]: there is a new volume, snapshot or clone | 264 |
//! | 5 | [`Delete`]: there is one no more | 8 |
//! | 6 | [`Rollback`]: a map is what another is | 16 |
//! | 7 | [`Resize`]: a volume has another size | 16 |
//! | 8 | [`Access`]: a volume is published, or not | 8 + 224 per host |
//! | 9 | [`SetApp`]: an application has these properties | 208 + 128 per label |
//! | 10 | [`RemoveApp`]: an application has none | 72 |
//! | 11 | [`SetQos`]: a volume has this quality of service | 40 |
//! | 12 | [`SetProfile`]: the device has this quality of service to give | 264 |
//!
//! All lengths are multiples of 8.

pub(crate) mod access;
mod delete;
mod make;
mod remove_app;
mod resize;
mod rollback;
pub(crate) mod set_app;
mod set_profile;
mod set_qos;
mod unmap;
mod void;
mod write;

pub(crate) use access::Access;
pub(crate) use delete::Delete;
pub(crate) use make::Make;
pub(crate) use remove_app::RemoveApp;
pub(crate) use resize::Resize;
pub(crate) use rollback::Rollback;
pub(crate) use set_app::SetApp;
pub(crate) use set_profile::SetProfile;
pub(crate) use set_qos::SetQos;
pub(crate) use unmap::Unmap;
pub(crate) use void::Void;
pub(crate) use write::Write;

use super::Damage;

/// Any of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Record {
    Write(Write),
    Unmap(Unmap),
    Void(Void),
    Make(Box<Make>),
    Delete(Delete),
    Rollback(Rollback),
    Resize(Resize),
    Access(Access),
    SetApp(Box<SetApp>),
    RemoveApp(RemoveApp),
    SetQos(SetQos),
    SetProfile(Box<SetProfile>),
}

/// A run of blocks within one chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Run {
    /// 0 to 31.
    pub(crate) first: u8,
    /// 1 to `32 - first`.
    pub(crate) count: u8,
}

impl Run {
    /// The run, if it lies within a chunk.
    fn decode(first: u8, count: u8) -> Result<Self, Damage> {
        if count > 0 && first < 32 && count <= 32 - first {
            Ok(Self { first, count })
        } else {
            Err(Damage::Contents("a record's blocks lie beyond their chunk"))
        }
    }

    /// A bit per block.
    pub(crate) fn mask(self) -> u32 {
        (u32::MAX >> (32 - u32::from(self.count))) << self.first
    }
}

/// The length of a record, told by its first bytes.
fn length(first: &[u8; 4]) -> Result<usize, Damage> {
    Ok(match first[0] {
        Write::KIND => Write::BYTES,
        Unmap::KIND => Unmap::BYTES,
        Void::KIND => Void::BYTES,
        Make::KIND => Make::BYTES,
        Delete::KIND => Delete::BYTES,
        Rollback::KIND => Rollback::BYTES,
        Resize::KIND => Resize::BYTES,
        Access::KIND => Access::length(first),
        SetApp::KIND => SetApp::length(first),
        RemoveApp::KIND => RemoveApp::BYTES,
        SetQos::KIND => SetQos::BYTES,
        SetProfile::KIND => SetProfile::BYTES,
        _ => return Err(UNKNOWN),
    })
}

impl Record {
    /// Its length, a multiple of 8.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Write(_) => Write::BYTES,
            Self::Unmap(_) => Unmap::BYTES,
            Self::Void(_) => Void::BYTES,
            Self::Make(_) => Make::BYTES,
            Self::Delete(_) => Delete::BYTES,
            Self::Rollback(_) => Rollback::BYTES,
            Self::Resize(_) => Resize::BYTES,
            Self::Access(access) => access.bytes(),
            Self::SetApp(set) => set.bytes(),
            Self::RemoveApp(_) => RemoveApp::BYTES,
            Self::SetQos(_) => SetQos::BYTES,
            Self::SetProfile(_) => SetProfile::BYTES,
        }
    }

    /// Writes it to the front of `out`; returns its length.
    pub(crate) fn encode(&self, out: &mut [u8]) -> usize {
        let length = self.bytes();
        let out = &mut out[..length];
        match self {
            Self::Write(write) => write.encode(out),
            Self::Unmap(unmap) => unmap.encode(out),
            Self::Void(void) => void.encode(out),
            Self::Make(make) => make.encode(out),
            Self::Delete(delete) => delete.encode(out),
            Self::Rollback(rollback) => rollback.encode(out),
            Self::Resize(resize) => resize.encode(out),
            Self::Access(access) => access.encode(out),
            Self::SetApp(set) => set.encode(out),
            Self::RemoveApp(remove) => remove.encode(out),
            Self::SetQos(set) => set.encode(out),
            Self::SetProfile(set) => set.encode(out),
        }
        length
    }

    /// The record at the front of `bytes`, and what follows it.
    pub(crate) fn decode(bytes: &[u8]) -> Result<(Self, &[u8]), Damage> {
        let cut_off = Damage::Contents("a record is cut off");
        let first = bytes.first_chunk::<4>().ok_or(cut_off)?;
        let (record, rest) = bytes.split_at_checked(length(first)?).ok_or(cut_off)?;
        let record = match first[0] {
            Write::KIND => Self::Write(Write::decode(record)?),
            Unmap::KIND => Self::Unmap(Unmap::decode(record)?),
            Void::KIND => Self::Void(Void::decode(record)?),
            Make::KIND => Self::Make(Box::new(Make::decode(record)?)),
            Delete::KIND => Self::Delete(Delete::decode(record)?),
            Rollback::KIND => Self::Rollback(Rollback::decode(record)?),
            Resize::KIND => Self::Resize(Resize::decode(record)?),
            Access::KIND => Self::Access(Access::decode(record)?),
            SetApp::KIND => Self::SetApp(Box::new(SetApp::decode(record)?)),
            RemoveApp::KIND => Self::RemoveApp(RemoveApp::decode(record)?),
            SetQos::KIND => Self::SetQos(SetQos::decode(record)?),
            SetProfile::KIND => Self::SetProfile(Box::new(SetProfile::decode(record)?)),
            _ => return Err(UNKNOWN),
        };
        Ok((record, rest))
    }

    /// All records of a block.
    pub(crate) fn decode_all(mut bytes: &[u8]) -> Result<Vec<Self>, Damage> {
        let mut records = Vec::new();
        while !bytes.is_empty() {
            let (record, rest) = Self::decode(bytes)?;
            records.push(record);
            bytes = rest;
        }
        Ok(records)
    }
}

const UNKNOWN: Damage = Damage::Contents("a record has an unknown kind");

/// A record of the wrong length.
const LENGTH: Damage = Damage::Contents("a record has an impossible length");

/// A record with something in its reserved bytes.
const RESERVED: Damage = Damage::Contents("a record's reserved bytes are not zero");

#[cfg(test)]
mod test;
