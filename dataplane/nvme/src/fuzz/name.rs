//! Names: NQNs, their fields, and the Connect data that hold them.

use super::{Target, structure};
use crate::fabrics::connect::{CNTLID_ANY, ConnectData};
use crate::nqn::{DISCOVERY_NQN, NQN_BYTES_MAX, Nqn, NqnField};
use zerocopy::IntoBytes;
use zerocopy::little_endian::U16;

pub(super) const TARGETS: &[Target] = &[
    Target { name: "nqn", run: nqn, golden: || b"nqn.2026-11.io.sluice:volume".to_vec() },
    Target { name: "nqn_field", run: nqn_field, golden: || field().as_bytes().to_vec() },
    Target { name: "connect_data", run: connect_data, golden: golden_connect_data },
];

/// A name as text.
pub fn nqn(input: &[u8]) {
    let Ok(text) = core::str::from_utf8(input) else { return };
    let Ok(nqn) = text.parse::<Nqn>() else { return };
    assert_eq!(nqn.as_str(), text);
    assert!(text.len() <= NQN_BYTES_MAX && text.starts_with("nqn."));
    assert_eq!(NqnField::from(&nqn).name(), Ok(text));
}

/// A name in its field.
pub fn nqn_field(input: &[u8]) {
    let Some(field) = structure::<NqnField>(input) else { return };
    let Ok(name) = field.name() else { return };
    assert!((1..=NQN_BYTES_MAX).contains(&name.len()) && !name.contains('\0'));
    assert_eq!(NqnField::new(name).as_ref().map(NqnField::name), Ok(Ok(name)));
}

/// Data of Connect.
pub fn connect_data(input: &[u8]) {
    let Some(data) = structure::<ConnectData>(input) else { return };
    nqn_field(data.subnqn.as_bytes());
    nqn_field(data.hostnqn.as_bytes());
    assert_eq!(data.hostid.is_zero(), data.hostid.0.iter().all(|&byte| byte == 0));
}

fn field() -> NqnField {
    NqnField::new(DISCOVERY_NQN).expect("the name is short enough")
}

fn golden_connect_data() -> Vec<u8> {
    let data = ConnectData {
        cntlid: U16::new(CNTLID_ANY),
        subnqn: field(),
        hostnqn: field(),
        ..ConnectData::default()
    };
    data.as_bytes().to_vec()
}
