//! An application: the unit of isolation.

use std::collections::BTreeMap;

use super::{Qos, QosSpec, SpecError};

/// Longest name, in bytes: a DNS label.
pub const MAX_NAME_BYTES: usize = 63;
/// Longest key or value of a label, in bytes.
pub const MAX_LABEL_BYTES: usize = 63;
/// Most labels of one application.
pub const MAX_LABELS: usize = 16;

/// An application as asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AppSpec {
    /// Unique among the cluster's applications: 1 to 63 lower-case letters, digits and hyphens.
    pub name: String,
    /// The owner's own marks, by which applications are found and grouped; they mean nothing to the data plane.
    pub labels: BTreeMap<String, String>,
    /// What it is promised over all its volumes and clones together.
    pub qos: QosSpec,
}

/// An application whose specification holds together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    name: String,
    labels: BTreeMap<String, String>,
    qos: Qos,
}

impl App {
    /// Checks a specification.
    ///
    /// # Errors
    /// [`SpecError`], the first rule that is broken.
    pub fn new(spec: AppSpec) -> Result<Self, SpecError> {
        if !is_dns_label(&spec.name) {
            return Err(SpecError::Name { name: spec.name });
        }
        if spec.labels.len() > MAX_LABELS {
            return Err(SpecError::TooManyLabels { count: spec.labels.len() });
        }
        for (key, value) in &spec.labels {
            if key.is_empty() || !is_label_text(key) || !is_label_text(value) {
                return Err(SpecError::Label { key: key.clone(), value: value.clone() });
            }
        }
        Ok(Self { name: spec.name, labels: spec.labels, qos: Qos::new(spec.qos)? })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its labels, by key.
    #[must_use]
    pub fn labels(&self) -> &BTreeMap<String, String> {
        &self.labels
    }

    /// What it is promised.
    #[must_use]
    pub fn qos(&self) -> Qos {
        self.qos
    }
}

fn is_dns_label(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=MAX_NAME_BYTES).contains(&name.len())
        && name.bytes().all(inner)
        && !name.starts_with('-')
        && !name.ends_with('-')
}

/// As Kubernetes has label values, and keys with their prefix.
fn is_label_text(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
    text.len() <= MAX_LABEL_BYTES && text.bytes().all(inner)
}

#[cfg(test)]
mod test {
    use super::*;

    fn named(name: &str) -> AppSpec {
        AppSpec { name: name.to_owned(), ..AppSpec::default() }
    }

    fn labelled(key: &str, value: &str) -> AppSpec {
        AppSpec { labels: [(key.to_owned(), value.to_owned())].into(), ..named("shop") }
    }

    #[test]
    fn names_and_their_neighbours() {
        for good in ["a", "0", "pg-data-0", &"x".repeat(63)] {
            assert_eq!(App::new(named(good)).unwrap().name(), good);
        }
        for bad in ["", "-a", "a-", "A", "a_b", "a.b", "\u{e9}", &"x".repeat(64)] {
            assert_eq!(App::new(named(bad)), Err(SpecError::Name { name: bad.to_owned() }));
        }
    }

    #[test]
    fn labels_and_their_neighbours() {
        assert!(App::new(labelled("example.com/team", "")).is_ok());
        assert!(App::new(labelled(&"k".repeat(63), &"v".repeat(63))).is_ok());
        for (key, value) in [("", "v"), ("k k", "v"), ("k", "\n"), ("k", &"v".repeat(64))] {
            assert!(matches!(App::new(labelled(key, value)), Err(SpecError::Label { .. })), "{key}={value}");
        }
        let many = |count: usize| AppSpec {
            labels: (0..count).map(|number| (format!("k{number}"), String::new())).collect(),
            ..named("shop")
        };
        assert_eq!(App::new(many(16)).unwrap().labels().len(), 16);
        assert_eq!(App::new(many(17)), Err(SpecError::TooManyLabels { count: 17 }));
    }

    #[test]
    fn its_qos_is_checked() {
        let qos = QosSpec { weight: 0, ..QosSpec::default() };
        assert_eq!(App::new(AppSpec { qos, ..named("a") }), Err(SpecError::Weight { weight: 0 }));
    }
}
