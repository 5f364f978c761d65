//! One entry per decoder for fuzzing: takes any bytes, decodes them, and asserts what must hold whatever they
//! are. An entry that returns has passed.
//!
//! Callers: the libFuzzer targets in `dataplane/nvme/fuzz`, one file per entry, and the test below, which runs
//! every entry over mutations of well-formed inputs and a million PDUs through the controller's qpair. The
//! module exists in tests and with the feature `fuzzing`; nothing of it is in a release.
//!
//! What every decoder must do: never panic, never read past its input, and write back the bytes it has read.

mod command;
mod controller;
mod data;
mod entry;
mod frame;
mod host;
mod mutate;
mod name;
mod pdu;
mod random;
mod script;
#[cfg(test)]
mod test;
mod wire;

pub use command::*;
pub use controller::controller_qpair;
pub use data::*;
pub use entry::*;
pub use host::host_qpair;
pub use name::*;
pub use pdu::*;
pub use script::controller_conversation;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// An entry: the function, and an input that it finds well-formed.
#[derive(Clone, Copy)]
pub struct Target {
    /// Name of the function, and of the libFuzzer target.
    pub name: &'static str,
    /// The function.
    pub run: fn(&[u8]),
    /// A well-formed input: what mutation and a corpus start from.
    pub golden: fn() -> Vec<u8>,
}

/// Every entry.
pub fn targets() -> impl Iterator<Item = &'static Target> {
    [
        entry::TARGETS,
        command::TARGETS,
        data::TARGETS,
        name::TARGETS,
        pdu::TARGETS,
        controller::TARGETS,
        script::TARGETS,
        host::TARGETS,
    ]
    .into_iter()
    .flatten()
}

/// A wire structure at the front of the input, `None` if the input is too short for one.
///
/// Asserts that it is written back as it was read.
fn structure<T>(input: &[u8]) -> Option<T>
where
    T: FromBytes + IntoBytes + Immutable + KnownLayout + Unaligned,
{
    let (value, rest) = T::read_from_prefix(input).ok()?;
    assert_eq!(value.as_bytes(), &input[..input.len() - rest.len()], "written back as read");
    Some(value)
}
