//! The acceptor over real sockets.
