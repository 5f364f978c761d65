//! The target over real sockets: what hosts send that they should not, hosts that stall, limits one step
//! either side, a million fuzzed PDUs, events, and the drain.
//!
//! A target in this process is started as the daemon starts it, over a memory device behind a gate. No test
//! sleeps or measures time: what has to happen is waited for, and what must not, is made impossible to miss
//! by something that comes after it.
#![forbid(unsafe_code)]

mod apps;
mod commands;
mod connects;
mod drain;
mod events;
mod fuzz;
mod harness;
mod limits;
mod lives;
mod memory;
mod pdus;
mod stalls;
mod thin;
