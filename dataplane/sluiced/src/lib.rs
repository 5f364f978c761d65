//! The data-plane daemon of a storage node.
