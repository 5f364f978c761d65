//! Load generator and benchmark harness.
