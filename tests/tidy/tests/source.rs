//! Rules about the text of Rust sources, and ratchets on its size.

use sluice_tidy::{Function, Repository, Source, functions, none};

/// A call that does not belong where it stands.
struct Banned {
    /// Folders to which the rule applies, as prefixes of paths.
    folders: &'static [&'static str],
    call: &'static str,
    instead: &'static str,
}

/// Crates without I/O.
const PURE: &[&str] = &[
    "control/placement/",
    "control/planner/",
    "dataplane/nvme/",
    "dataplane/nvme-block/",
    "dataplane/qos/",
    "dataplane/volume/",
];
/// Crates on an I/O's way.
const HOT: &[&str] = &[
    "hugepages/",
    "dataplane/nvme/",
    "dataplane/nvme-block/",
    "dataplane/device/",
    "dataplane/uring/",
    "dataplane/nvme-pcie/",
    "dataplane/volume/",
    "dataplane/qos/",
    "dataplane/reactor/",
    "dataplane/target/",
];
const EVERYWHERE: &[&str] = &[""];

const BANNED: [Banned; 15] = [
    Banned { folders: PURE, call: "Instant::now", instead: "take `now` as a parameter" },
    Banned { folders: PURE, call: "std::fs", instead: "leave I/O to the caller" },
    Banned { folders: PURE, call: "std::net", instead: "leave I/O to the caller" },
    Banned { folders: PURE, call: "std::thread", instead: "leave threads to the caller" },
    Banned { folders: PURE, call: "Uuid::new_v4", instead: "take the UUID as a parameter" },
    Banned { folders: HOT, call: "SystemTime::now", instead: "use the reactor's monotonic clock" },
    Banned {
        folders: HOT,
        call: ".unwrap()",
        instead: "say why it cannot fail: `.expect(\"...\")`, or return the error",
    },
    Banned { folders: HOT, call: "println!(", instead: "return it, or log it off the reactors" },
    Banned { folders: HOT, call: "thread::sleep", instead: "set a deadline and poll" },
    Banned { folders: HOT, call: "Rc<RefCell<Vec", instead: "let the owner hand out slices" },
    Banned { folders: EVERYWHERE, call: "mem::transmute", instead: "use zerocopy" },
    Banned { folders: EVERYWHERE, call: "mem::forget", instead: "use ManuallyDrop, and say who drops" },
    Banned { folders: EVERYWHERE, call: "static mut", instead: "use a cell, or pass it" },
    Banned { folders: EVERYWHERE, call: "println!(\"DEBUG", instead: "use tracing" },
    Banned { folders: EVERYWHERE, call: "Box<dyn std::error::Error", instead: "use an enum of the errors" },
];

#[test]
fn banned_calls_are_replaced() {
    let repository = Repository::read();
    let mut findings = Vec::new();
    for source in repository.sources() {
        for banned in &BANNED {
            if !banned.folders.iter().any(|folder| source.path.starts_with(folder)) {
                continue;
            }
            let lines = source.shipped().filter(|(_, line)| line.contains(banned.call));
            let found =
                lines.map(|(line, _)| format!("{}:{line}: {}: {}", source.path, banned.call, banned.instead));
            findings.extend(found);
        }
    }
    none("Calls that do not belong where they stand:", &findings);
}

#[test]
fn lints_are_relaxed_with_a_reason() {
    const RELAXES: [&str; 4] = ["#[allow(", "#![allow(", "#[expect(", "#![expect("];
    let repository = Repository::read();
    let mut findings = Vec::new();
    for source in repository.sources() {
        let mut explained = false;
        for (index, line) in source.text.lines().map(str::trim).enumerate() {
            // An attribute over several lines has its reason on a line of its own.
            let relaxes = RELAXES.iter().any(|begin| line.starts_with(begin)) && line.ends_with(")]");
            if relaxes && !line.contains("reason =") && !explained {
                findings.push(format!("{}:{}: {line}", source.path, index + 1));
            }
            explained = ["// ", "//! "].iter().any(|begin| line.starts_with(begin));
        }
    }
    none("Relaxed lints without `reason = \"...\"` or a comment above:", &findings);
}

#[test]
fn tests_are_not_left_out_silently() {
    let repository = Repository::read();
    let ignored = concat!("#[", "ignore]");
    none("Ignored tests without a reason:", &lines(&repository, |line| line.trim() == ignored));
}

#[test]
fn test_modules_have_the_house_name() {
    let repository = Repository::read();
    let findings = lines(&repository, |line| ["mod tests {", "mod tests;"].contains(&line.trim()));
    none("Test modules are called `test`:", &findings);
}

#[test]
fn every_module_says_what_it_is() {
    let repository = Repository::read();
    let undocumented =
        repository.sources().filter(|source| !source.path.ends_with("/test.rs") && !has_docs(source));
    let findings: Vec<String> = undocumented.map(|source| source.path.to_owned()).collect();
    none("Modules open with `//!` and their purpose:", &findings);
}

fn has_docs(source: &Source<'_>) -> bool {
    let first = source.text.lines().find(|line| !line.is_empty() && !line.starts_with("#!["));
    first
        .and_then(|line| line.strip_prefix("//! "))
        .is_some_and(|purpose| purpose.split_whitespace().count() > 1)
}

/// Longest file. The owners of a phase have been split before they reach it.
const FILE_LINES: usize = 600;

#[test]
fn files_stay_readable_in_one_sitting() {
    let repository = Repository::read();
    let long = repository.sources().filter(|source| source.text.lines().count() > FILE_LINES);
    let findings: Vec<String> =
        long.map(|source| format!("{}: {} lines", source.path, source.text.lines().count())).collect();
    none(&format!("Split these files by phase, more than {FILE_LINES} lines are too many:"), &findings);
}

/// Longest function, a ratchet: lower it when the longest one has been split.
const FUNCTION_LINES: usize = 80;
/// What counts as a long function, and how many of a hundred may be.
const LONG_FUNCTION_LINES: usize = 36;
const LONG_FUNCTIONS_PERCENT: usize = 5;
/// The middle one by length.
const MEDIAN_FUNCTION_LINES: usize = 9;

#[test]
fn functions_do_one_thing() {
    let repository = Repository::read();
    let mut all: Vec<(String, Function)> = Vec::new();
    for source in repository.sources() {
        all.extend(functions(&source).into_iter().map(|function| (source.path.to_owned(), function)));
    }
    all.sort_by_key(|(_, function)| function.length);
    let show = |(path, function): &(String, Function)| {
        format!("{path}:{}: {} has {} lines", function.line, function.name, function.length)
    };
    let too_long = all.iter().filter(|(_, function)| function.length > FUNCTION_LINES);
    none("Functions to split:", &too_long.map(show).collect::<Vec<_>>());
    let long: Vec<String> =
        all.iter().filter(|(_, function)| function.length > LONG_FUNCTION_LINES).map(show).collect();
    if long.len() * 100 > all.len() * LONG_FUNCTIONS_PERCENT {
        none(
            &format!("Too many of {} functions are longer than {LONG_FUNCTION_LINES} lines:", all.len()),
            &long,
        );
    }
    let median = all.get(all.len() / 2).map_or(0, |(_, function)| function.length);
    assert!(median <= MEDIAN_FUNCTION_LINES, "half of all functions have {median} lines or more");
}

/// The lines of code for which a rule holds, in every source.
fn lines(repository: &Repository, rule: impl Fn(&str) -> bool) -> Vec<String> {
    let found = repository.sources().flat_map(|source| {
        source.code().map(move |(number, line)| (source.path, number, line)).collect::<Vec<_>>()
    });
    found
        .filter(|(_, _, line)| rule(line))
        .map(|(path, number, line)| format!("{path}:{number}: {}", line.trim()))
        .collect()
}
