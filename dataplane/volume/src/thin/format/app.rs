//! An application that owns volumes: its labels and what quality of service it is to have.
//!
//! | bytes | field | meaning |
//! |---|---|---|
//! | 0..128 | qos | 16 words of 8 bytes, whose meaning is the scheduler's |
//! | 128 | name_bytes | length of the name, 1 to 63 |
//! | 129 | label_count | 0 to 16 |
//! | 130..136 | reserved | zero |
//! | 136..200 | name | ASCII, padded with zeroes |
//! | 200.. | labels | `label_count` x [`RawLabel`], 128 bytes each |
//!
//! It stands so in a [record](super::record::set_app) and in an [app page](super::app_page).

use std::mem::offset_of;

use zerocopy::little_endian::U64;
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::Damage;
use super::text::{put, take};
use crate::thin::app::{AppRecord, Label, MAX_LABELS};

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Raw {
    qos: [U64; 16],
    name_bytes: u8,
    label_count: u8,
    reserved: [u8; 6],
    name: [u8; 64],
}

/// A label: lengths of key and value, then both in 63 bytes each, padded with zeroes.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct RawLabel {
    key_bytes: u8,
    value_bytes: u8,
    key: [u8; 63],
    value: [u8; 63],
}

const _: () = assert!(size_of::<Raw>() == 200);
const _: () = assert!(size_of::<RawLabel>() == 128);
const _: () = assert!(offset_of!(Raw, name) == 136);

/// The longest.
pub(crate) const MAX_BYTES: usize = size_of::<Raw>() + MAX_LABELS * size_of::<RawLabel>();

/// Its length.
pub(crate) fn bytes(app: &AppRecord) -> usize {
    size_of::<Raw>() + app.labels.len() * size_of::<RawLabel>()
}

/// Writes it into its [`bytes`].
pub(crate) fn encode(app: &AppRecord, place: &mut [u8]) {
    let mut raw = Raw::new_zeroed();
    raw.qos = app.qos.map(U64::new);
    raw.name_bytes = put(&mut raw.name, &app.name);
    raw.label_count = u8::try_from(app.labels.len()).expect("at most MAX_LABELS");
    let (head, labels) = place.split_at_mut(size_of::<Raw>());
    head.copy_from_slice(raw.as_bytes());
    for (place, label) in labels.chunks_exact_mut(size_of::<RawLabel>()).zip(&app.labels) {
        let mut raw = RawLabel::new_zeroed();
        raw.key_bytes = put(&mut raw.key, &label.key);
        raw.value_bytes = put(&mut raw.value, &label.value);
        place.copy_from_slice(raw.as_bytes());
    }
}

/// The application at the front of `bytes`, and what follows it.
pub(crate) fn decode(bytes: &[u8]) -> Result<(AppRecord, &[u8]), Damage> {
    let cut_off = Damage::Contents("an application is cut off");
    let (raw, rest) = Raw::ref_from_prefix(bytes).map_err(|_| cut_off)?;
    let length = usize::from(raw.label_count) * size_of::<RawLabel>();
    let (labels, rest) = rest.split_at_checked(length).ok_or(cut_off)?;
    let labels = <[RawLabel]>::ref_from_bytes(labels).map_err(|_| cut_off)?;
    let label = |raw: &RawLabel| {
        Ok(Label { key: take(&raw.key, raw.key_bytes)?, value: take(&raw.value, raw.value_bytes)? })
    };
    let app = AppRecord {
        name: take(&raw.name, raw.name_bytes)?,
        labels: labels.iter().map(label).collect::<Result<_, Damage>>()?,
        qos: raw.qos.map(U64::get),
    };
    if raw.reserved != [0; 6] || app.check().is_err() {
        return Err(Damage::Contents("an application's name or labels are invalid"));
    }
    Ok((app, rest))
}
