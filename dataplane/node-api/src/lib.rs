//! The gRPC API of one storage node, sluice.node.v1.
