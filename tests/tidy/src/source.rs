//! One Rust source: which of its lines are code, and which of the code is tests.

use crate::repository::File;

/// A Rust source.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// Relative to the top folder.
    pub path: &'a str,
    /// All of it.
    pub text: &'a str,
}

impl<'a> Source<'a> {
    pub(crate) fn new(file: &'a File) -> Self {
        Self { path: &file.path, text: &file.text }
    }

    /// Whether the whole file exists for tests: by its folder (`tests`, `benches`, `fuzz`) or its name.
    #[must_use]
    pub fn is_test(&self) -> bool {
        let folders = ["tests/", "/tests/", "/benches/", "/fuzz/", "/test/"];
        folders.iter().any(|folder| match folder.strip_prefix('/') {
            Some(_) => self.path.contains(folder),
            None => self.path.starts_with(folder),
        }) || self.path.ends_with("/test.rs")
    }

    /// Lines of code that ship, with their numbers: no comments, and nothing from the file's test module on, which
    /// stands last by convention.
    pub fn shipped(&self) -> impl Iterator<Item = (usize, &'a str)> {
        let lines = if self.is_test() { "" } else { self.text };
        let shipped = numbered(lines).take_while(|(_, line)| line.trim() != "#[cfg(test)]");
        shipped.filter(|(_, line)| !is_comment(line))
    }

    /// All lines of code with their numbers, tests included.
    pub fn code(&self) -> impl Iterator<Item = (usize, &'a str)> {
        numbered(self.text).filter(|(_, line)| !is_comment(line))
    }
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(index, line)| (index + 1, line))
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with("//")
}

#[cfg(test)]
mod test {
    use super::*;

    fn source(path: &'static str, text: &'static str) -> Source<'static> {
        Source { path, text }
    }

    #[test]
    fn comments_and_the_test_module_do_not_ship() {
        let text = "//! Docs.\nfn a() {} // more\n    // aside\n#[cfg(test)]\nmod test {}\n";
        let shipped: Vec<_> = source("a/src/lib.rs", text).shipped().collect();
        assert_eq!(shipped, [(2, "fn a() {} // more")]);
        assert_eq!(source("a/src/lib.rs", text).code().count(), 3);
        assert_eq!(source("a/src/b/test.rs", text).shipped().count(), 0);
    }

    #[test]
    fn test_sources_are_known_by_folder_and_name() {
        assert!(source("tests/tidy/src/lib.rs", "").is_test());
        assert!(source("dataplane/nvme/tests/wire.rs", "").is_test());
        assert!(source("dataplane/nvme/fuzz/fuzz_targets/sqe.rs", "").is_test());
        assert!(source("dataplane/nvme/src/sqe/test.rs", "").is_test());
        assert!(!source("dataplane/nvme/src/contests/mod.rs", "").is_test());
    }
}
