//! Applications: who owns volumes, and what they are promised.

use crate::VolumeError;
use crate::name::is_label;

/// Labels an application can have.
pub const MAX_LABELS: usize = 16;

/// Applications a pool can hold.
pub const MAX_APPS: usize = 1024;

/// Longest key and longest value of a label, in bytes.
pub const MAX_LABEL_BYTES: usize = 63;

/// A word about an application, for whoever selects by it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Label {
    /// 1 to 63 bytes of UTF-8.
    pub key: String,
    /// Up to 63 bytes of UTF-8.
    pub value: String,
}

/// What a pool knows of an application; one without a record has no labels and default quality of service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppRecord {
    /// Unique in the pool: a DNS label of 1 to 63 bytes.
    pub name: String,
    /// At most [`MAX_LABELS`], each key once.
    pub labels: Vec<Label>,
    /// The scheduler's; the pool keeps them and gives them no meaning.
    pub qos: [u64; 16],
}

impl AppRecord {
    /// Checks names and number.
    pub(crate) fn check(&self) -> Result<(), VolumeError> {
        if !is_label(&self.name) {
            return Err(VolumeError::Name { of: "application", name: self.name.clone() });
        }
        if self.labels.len() > MAX_LABELS {
            return Err(VolumeError::TooManyLabels { count: self.labels.len() });
        }
        let fits = |text: &str| text.len() <= MAX_LABEL_BYTES && !text.contains('\0');
        for (at, label) in self.labels.iter().enumerate() {
            let twice = self.labels[..at].iter().any(|other| other.key == label.key);
            if twice || label.key.is_empty() || !fits(&label.key) || !fits(&label.value) {
                return Err(VolumeError::Label { key: label.key.clone() });
            }
        }
        Ok(())
    }
}
