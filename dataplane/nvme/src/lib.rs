//! NVMe wire formats and the qpair machines of host and controller, without I/O.

#![forbid(unsafe_code)]

pub mod cqe;
pub mod sgl;
pub mod sqe;
pub mod status;
pub mod tcp;
