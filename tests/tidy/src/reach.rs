//! Which sources a crate reaches from its roots through `mod name;`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// All files that belong to the crate with this root: the root and, one after the other, its modules.
#[must_use]
pub fn reachable(root: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let folder = root.parent().expect("a file lies in a folder").to_owned();
    visit(root, &folder, &mut found);
    found
}

/// Visits a file whose modules lie in `folder`.
fn visit(file: &Path, folder: &Path, found: &mut BTreeSet<PathBuf>) {
    let Ok(text) = fs::read_to_string(file) else { return };
    found.insert(file.to_owned());
    for name in declared(&text) {
        let inner = folder.join(name);
        let beside = folder.join(format!("{name}.rs"));
        let module = if beside.is_file() { beside } else { inner.join("mod.rs") };
        visit(&module, &inner, found);
    }
}

/// The names of `mod name;`, whatever stands before `mod`.
fn declared(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| {
        let declaration = line.trim().strip_suffix(';')?;
        let (before, name) = declaration.rsplit_once("mod ")?;
        let visible = before.is_empty() || before.starts_with("pub") || before.ends_with("] ");
        (visible && name.chars().all(|letter| letter.is_alphanumeric() || letter == '_')).then_some(name)
    })
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn declarations_are_told_from_other_lines() {
        let text = "mod a;\npub mod b_2;\n    pub(crate) mod c;\n// mod no;\nmod inline {\nlet mode = 1;\n#[cfg(x)] mod d;\n";
        assert_eq!(declared(text).collect::<Vec<_>>(), ["a", "b_2", "c", "d"]);
    }

    #[test]
    fn this_crate_reaches_this_file() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs");
        assert!(reachable(&root).contains(&root.with_file_name("reach.rs")));
    }
}
