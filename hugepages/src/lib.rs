//! Host memory for I/O: arenas and fixed buffer pools.
