//! Rules about all text files of the repository.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use sluice_tidy::{File, Repository, none};

/// The lines of files for which a rule holds. This file is passed over: it has to name what it forbids.
fn lines(repository: &Repository, files: impl Fn(&File) -> bool, rule: impl Fn(&str) -> bool) -> Vec<String> {
    let mut findings = Vec::new();
    for file in
        repository.files.iter().filter(|file| files(file) && file.path != "tests/tidy/tests/repository.rs")
    {
        let found = file.text.lines().enumerate().filter(|(_, line)| rule(line));
        findings.extend(found.map(|(index, line)| format!("{}:{}: {}", file.path, index + 1, line.trim())));
    }
    findings
}

fn has_extension(file: &File, extensions: &[&str]) -> bool {
    Path::new(&file.path).extension().is_some_and(|extension| extensions.iter().any(|one| extension == *one))
}

#[test]
fn nothing_is_left_to_do_later_in_a_comment() {
    let repository = Repository::read();
    let marks = ["TODO", "FIXME", "XXX", "HACK"];
    let is_mark = |word: &str| marks.contains(&word);
    let findings = lines(
        &repository,
        |file| file.path != "Cargo.lock",
        |line| line.split(|letter: char| !letter.is_alphanumeric()).any(is_mark),
    );
    none("Do it now, or write an issue:", &findings);
}

#[test]
fn sources_are_ascii() {
    let repository = Repository::read();
    let source = |file: &File| has_extension(file, &["rs", "toml", "sh", "proto"]);
    let findings = lines(&repository, source, |line| {
        let comment = line.trim_start().starts_with("//");
        line.chars().any(|letter| !(letter.is_ascii() || comment && is_drawing(letter)))
    });
    none("Sources are ASCII, but for arrows and boxes in comments:", &findings);
}

/// Arrows, boxes, blocks and geometric shapes, of which diagrams are made.
fn is_drawing(letter: char) -> bool {
    matches!(letter, '\u{2190}'..='\u{21ff}' | '\u{2500}'..='\u{25ff}')
}

#[test]
fn lines_end_cleanly() {
    let repository = Repository::read();
    let source = |file: &File| has_extension(file, &["rs", "toml", "sh", "proto", "md", "yml"]);
    let ragged = |line: &str| line.ends_with([' ', '\t', '\r']);
    none("White space before the end of a line:", &lines(&repository, source, ragged));
}

#[test]
fn no_path_of_a_developers_machine_is_in_a_file() {
    let repository = Repository::read();
    // Where people keep their files, and where this checkout is.
    let checkout = env!("CARGO_MANIFEST_DIR").trim_end_matches("tests/tidy");
    let folders = ["/home/", "/root/", "/Users/", checkout];
    let findings = lines(&repository, |_| true, |line| folders.iter().any(|folder| names(line, folder)));
    none("Paths that exist on one machine only:", &findings);
}

/// Whether a line has the folder as the beginning of an absolute path, not as a part of another.
fn names(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        !line[..at].ends_with(|letter: char| letter.is_alphanumeric() || ".-_*}".contains(letter))
    })
}

#[test]
fn crates_come_from_the_public_registry() {
    let repository = Repository::read();
    let lock = repository.file("Cargo.lock").expect("Cargo.lock is part of the repository");
    let public = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";
    let other = lock.text.lines().filter(|line| line.starts_with("source = ") && *line != public);
    none(
        "Packages from elsewhere:",
        &other.map(str::to_owned).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>(),
    );
    let own = repository.files.iter().filter(|file| file.path.contains(".cargo/config"));
    none("A registry is each machine's own affair:", &own.map(|file| file.path.clone()).collect::<Vec<_>>());
}

#[test]
fn the_readme_maps_every_folder() {
    let repository = Repository::read();
    let readme = repository.file("README.md").map_or("", |file| file.text.as_str());
    let folders: BTreeSet<&str> =
        repository.files.iter().filter_map(|file| Some(file.path.split_once('/')?.0)).collect();
    let unnamed = folders
        .into_iter()
        .filter(|folder| !folder.starts_with('.') && !readme.contains(&format!("`{folder}/`")));
    let findings: Vec<String> = unnamed.map(str::to_owned).collect();
    none("Folders at the top that README.md's map does not name (as `folder/`):", &findings);
}

#[test]
fn links_between_documents_lead_somewhere() {
    let repository = Repository::read();
    let mut findings = Vec::new();
    for file in repository.files.iter().filter(|file| has_extension(file, &["md"])) {
        let folder = repository.root.join(&file.path);
        let folder = folder.parent().expect("a file lies in a folder");
        let targets = file.text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
        let local = targets.filter(|target| !target.is_empty() && !target.contains("://"));
        let broken = local.filter(|target| fs::metadata(folder.join(target)).is_err());
        findings.extend(broken.map(|target| format!("{}: {target}", file.path)));
    }
    none("Links to files that do not exist:", &findings);
}
