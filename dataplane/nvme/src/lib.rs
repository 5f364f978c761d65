//! NVMe wire formats and the qpair machines of host and controller, without I/O.

#![forbid(unsafe_code)]

pub mod admin;
pub mod async_event;
mod bits;
pub mod cqe;
pub mod dsm;
pub mod fabrics;
pub mod feature;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz;
pub mod identify;
mod layout;
pub mod log;
pub mod nqn;
pub mod opcode;
pub mod pcie;
pub mod property;
pub mod qpair;
pub mod sgl;
pub mod sqe;
pub mod status;
pub mod tcp;
pub mod text;
