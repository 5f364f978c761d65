//! What is decided, by example: one small cluster, one thing different in each test.

mod bed;
mod changes;
mod domains;
mod refusals;
mod wishes;
