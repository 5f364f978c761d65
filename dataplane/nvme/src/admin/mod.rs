//! Admin commands that stand by themselves, one a file; Identify, Get Log Page and features have modules of their own.

pub mod abort;
pub mod format_nvm;
pub mod sanitize;
