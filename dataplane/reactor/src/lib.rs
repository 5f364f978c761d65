//! The pinned loop: pollers, timers, control rings and idling.
