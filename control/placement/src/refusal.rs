//! Why a pool does not take a volume.

use crate::Bytes;
use crate::model::{Domain, Name, NodeState};

/// A rule that refused a pool, with the figures it went by.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Its node takes no volumes.
    #[error("the node {}", word(*state))]
    Node {
        /// What the node is.
        state: NodeState,
    },
    /// It lies outside of every topology that would do.
    #[error("it is accessible from none of the {requisite} topologies required")]
    Topology {
        /// How many there are.
        requisite: usize,
    },
    /// It is not where the pod is.
    #[error("it is not in the same {domain} as the pod on node {pod_node}")]
    Pod {
        /// What must be the same.
        domain: Domain,
        /// Where the pod is.
        pod_node: Name,
    },
    /// It was cordoned.
    #[error("it is cordoned")]
    Cordoned,
    /// What it has is to go elsewhere.
    #[error("it is being drained")]
    Draining,
    /// Its drive warns.
    #[error("its drive warns: {reason}")]
    Unhealthy {
        /// The warning.
        reason: Name,
    },
    /// Its drive is gone.
    #[error("its drive is gone")]
    Lost,
    /// A clone shares blocks with its source, so it lies where that lies.
    #[error("the source is not in it")]
    NotAtSource,
    /// It is of other media.
    #[error("its media is not {tag}")]
    Media {
        /// The tag that it lacks.
        tag: Name,
    },
    /// A label is not as selected.
    #[error("its labels do not fit: {selector}")]
    Selector {
        /// What was asked of the label.
        selector: String,
    },
    /// It says nothing of what replicas or volumes are told apart by.
    #[error("it has no {domain}, so nobody knows what it fails together with: label its node")]
    NoDomain {
        /// What it lacks.
        domain: Domain,
    },
    /// The application has a volume there, and is to have none.
    #[error("the application has a volume in its {domain}, and wants them apart")]
    NotApart {
        /// What must differ.
        domain: Domain,
    },
    /// The application has volumes, but none there.
    #[error("the application has no volume in its {domain}, and wants them together")]
    NotTogether {
        /// What must be the same.
        domain: Domain,
    },
    /// It has as many volumes as it may have.
    #[error("it has {volumes} volumes of at most {max_volumes}")]
    TooManyVolumes {
        /// Those it has.
        volumes: u32,
        /// Those it may have.
        max_volumes: u32,
    },
    /// Sizes would add up to more than it may promise.
    #[error(
        "{} is asked for, sizes add up to {} of at most {}: {} is left",
        Bytes(*asked_bytes), Bytes(*provisioned_bytes), Bytes(*limit_bytes), Bytes(*free_bytes)
    )]
    Overcommitted {
        /// The volume's size, or what it grows by.
        asked_bytes: u64,
        /// What sizes add up to.
        provisioned_bytes: u64,
        /// What they may add up to.
        limit_bytes: u64,
        /// What is left of it.
        free_bytes: u64,
    },
    /// A thick volume does not fit into what is free.
    #[error(
        "{} is asked for at once, {} of {} is taken: {} is free",
        Bytes(*asked_bytes), Bytes(*taken_bytes), Bytes(*usable_bytes), Bytes(*free_bytes)
    )]
    NoRoom {
        /// The volume's size, or what it grows by.
        asked_bytes: u64,
        /// What is taken.
        taken_bytes: u64,
        /// What may be taken.
        usable_bytes: u64,
        /// What is left of it.
        free_bytes: u64,
    },
    /// Too full to begin another thin volume.
    #[error("{} is taken, and thin volumes begin only below {}", Bytes(*taken_bytes), Bytes(*bound_bytes))]
    NearlyFull {
        /// What is taken.
        taken_bytes: u64,
        /// Where that ends.
        bound_bytes: u64,
    },
    /// Its device could not keep the Min.
    #[error(
        "{asked_iops} IOPS more of Min are asked for, {promised_iops} of the {guaranteed_iops} that the device \
         guarantees are promised: {free_iops} are left"
    )]
    MinIops {
        /// What would be promised in addition.
        asked_iops: u64,
        /// What is promised.
        promised_iops: u64,
        /// What can be promised.
        guaranteed_iops: u64,
        /// What is left of it.
        free_iops: u64,
    },
    /// Nobody knows what its device can keep.
    #[error("its device was not calibrated, so no Min can be promised")]
    NotCalibrated,
}

fn word(state: NodeState) -> &'static str {
    match state {
        NodeState::Ready => "is ready",
        NodeState::Cordoned => "is cordoned",
        NodeState::Draining => "is being drained",
        NodeState::Unreachable => "does not answer",
    }
}

impl Refusal {
    /// The rule's name, to count and to look up in docs/placement.md.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Node { .. } => "node",
            Self::Topology { .. } => "topology",
            Self::Pod { .. } => "pod",
            Self::Cordoned | Self::Draining | Self::Unhealthy { .. } | Self::Lost => "pool",
            Self::NotAtSource => "source",
            Self::Media { .. } => "media",
            Self::Selector { .. } => "selector",
            Self::NoDomain { .. } => "domain",
            Self::NotApart { .. } | Self::NotTogether { .. } => "affinity",
            Self::TooManyVolumes { .. } => "volumes",
            Self::Overcommitted { .. } => "overcommit",
            Self::NoRoom { .. } => "room",
            Self::NearlyFull { .. } => "fill",
            Self::MinIops { .. } | Self::NotCalibrated => "min-iops",
        }
    }
}
