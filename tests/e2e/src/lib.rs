//! Whole-path tests: daemon, load generator, faults.
