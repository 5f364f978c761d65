//! NVMe wire formats and the qpair machines of host and controller, without I/O.
