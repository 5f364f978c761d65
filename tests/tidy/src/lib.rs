//! Tests about the source itself.
