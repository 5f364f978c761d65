//! The files of the repository.

use std::fs;
use std::path::{Path, PathBuf};

use crate::source::Source;

/// Folders that hold what tools made, not sources.
const MADE: [&str; 5] = [".git", "target", "corpus", "artifacts", "node_modules"];

/// The repository's files, whether or not they have been committed yet.
#[derive(Debug)]
pub struct Repository {
    /// The top folder.
    pub root: PathBuf,
    /// All files that are UTF-8 text, by path.
    pub files: Vec<File>,
}

/// A text file.
#[derive(Clone, Debug)]
pub struct File {
    /// Relative to the top folder, with `/` between its parts.
    pub path: String,
    /// All of it.
    pub text: String,
}

impl Repository {
    /// Reads the repository that this crate is part of.
    ///
    /// # Panics
    ///
    /// When a file cannot be read.
    #[must_use]
    pub fn read() -> Self {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = here.ancestors().nth(2).expect("this crate lies two folders deep").to_owned();
        let mut files = Vec::new();
        collect(&root, &root, &mut files);
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Self { root, files }
    }

    /// The Rust sources.
    pub fn sources(&self) -> impl Iterator<Item = Source<'_>> {
        self.files.iter().filter(|file| file.path.ends_with(".rs")).map(Source::new)
    }

    /// A file by its path, if there is one.
    #[must_use]
    pub fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<File>) {
    for entry in fs::read_dir(folder).expect("read a folder of the repository") {
        let path = entry.expect("read a folder of the repository").path();
        let name = path.file_name().expect("an entry has a name").to_string_lossy().into_owned();
        if path.is_dir() {
            if !MADE.contains(&name.as_str()) {
                collect(root, &path, files);
            }
        } else if let Ok(text) = fs::read_to_string(&path) {
            let path = path.strip_prefix(root).expect("below the top folder").display().to_string();
            files.push(File { path, text });
        }
    }
}
