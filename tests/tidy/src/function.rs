//! Functions and their lengths, read off rustfmt's layout: a function ends at the brace under its first line's start.

use crate::source::Source;

/// A function with a body of its own lines.
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// The line on which it begins, counted from 1.
    pub line: usize,
    /// Lines from its signature to its closing brace, both included.
    pub length: usize,
}

/// The functions of a source's code, without those of its test module.
#[must_use]
pub fn functions(source: &Source<'_>) -> Vec<Function> {
    let lines: Vec<(usize, &str)> = source.shipped().collect();
    let begun =
        lines.iter().enumerate().filter_map(|(index, (line, text))| Some((index, *line, name(text)?)));
    begun
        .filter_map(|(index, line, name)| {
            let (first, rest) = lines[index..].split_first()?;
            Some(Function { name: name.to_owned(), line, length: length(first, rest)? })
        })
        .collect()
}

/// The name of the function that a line begins.
fn name(line: &str) -> Option<&str> {
    const BEFORE: [&str; 6] = ["pub", "pub(crate)", "pub(super)", "const", "async", "unsafe"];
    let mut words = line.split_whitespace().skip_while(|word| BEFORE.contains(word));
    if words.next()? != "fn" {
        return None;
    }
    words.next()?.split(['(', '<']).next()
}

/// `None` for a declaration without a body.
fn length((begin, first): &(usize, &str), rest: &[(usize, &str)]) -> Option<usize> {
    if first.ends_with(['}', ';']) {
        return first.ends_with('}').then_some(1);
    }
    let indent = &first[..first.len() - first.trim_start().len()];
    let closes = |text: &str| text.strip_prefix(indent).is_some_and(|text| text.starts_with(['}', ')']));
    for (line, text) in rest {
        let bare = text.trim();
        if closes(text) && bare == "}" {
            return Some(line - begin + 1);
        }
        if closes(text) && bare.ends_with(';') {
            return None;
        }
    }
    None
}

#[cfg(test)]
mod test {
    use super::*;

    fn lengths(text: &str) -> Vec<(String, usize)> {
        let source = Source { path: "a/src/lib.rs", text };
        functions(&source).into_iter().map(|function| (function.name, function.length)).collect()
    }

    #[test]
    fn functions_end_at_the_brace_under_their_start() {
        let text = "pub const fn one() {}\nimpl A {\n    fn two<T>(\n        a: T,\n    ) {\n        if a {\n        }\n    }\n}\n";
        assert_eq!(lengths(text), [("one".to_owned(), 1), ("two".to_owned(), 6)]);
    }

    #[test]
    fn declarations_in_traits_have_no_length() {
        let text = "trait A {\n    fn one(&self);\n    fn two(&self) {\n        x();\n    }\n}\n";
        assert_eq!(lengths(text), [("two".to_owned(), 3)]);
    }
}
