//! The block-device trait, memory and null devices, test layers, and one conformance suite.
