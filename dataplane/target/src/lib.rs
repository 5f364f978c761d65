//! NVMe/TCP target: sockets to qpairs to volumes.
