//! What the tests about the source stand on: the repository's files, Rust sources cut into code and tests, and the
//! workspace as cargo sees it.
//!
//! Sources are read as text, line by line, relying on rustfmt's layout (which continuous integration checks first).
//! That is crude beside a parser and quite enough: a rule that a line of text cannot show belongs in clippy.
#![forbid(unsafe_code)]

mod function;
mod reach;
mod repository;
mod source;
mod workspace;

pub use function::{Function, functions};
pub use reach::reachable;
pub use repository::{File, Repository};
pub use source::Source;
pub use workspace::{Crate, Workspace};

/// Fails a test with all that breaks a rule, one finding a line, and the rule's reason.
///
/// # Panics
///
/// When there are findings.
pub fn none(rule: &str, findings: &[String]) {
    assert!(findings.is_empty(), "{rule}\n  {}\n", findings.join("\n  "));
}
