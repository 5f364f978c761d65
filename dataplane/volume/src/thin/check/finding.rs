//! What a check finds: which structure, where, what is wrong, for whom, and what opening the pool makes of it.

use std::fmt;

use uuid::Uuid;

use super::fault::Fault;

/// What of a pool is on its device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Structure {
    /// One of the two superblocks.
    Superblock,
    /// One of the four places of marks.
    Mark,
    /// A block of the journal.
    Journal,
    /// A record in a block of the journal.
    Record,
    /// A page of the index of catalog or applications.
    Index,
    /// A page of the catalog.
    Catalog,
    /// An entry in a page of the catalog: a volume or snapshot.
    Entry,
    /// A volume's allow-list of hosts.
    Hosts,
    /// An application's page.
    Application,
    /// A page of a map's node.
    Node,
    /// What the pages of a leaf say.
    Leaf,
    /// What the pages of an interior node say.
    Interior,
    /// The pool as opening it makes it.
    Pool,
}

impl fmt::Display for Structure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Superblock => "superblock",
            Self::Mark => "mark",
            Self::Journal => "journal block",
            Self::Record => "record",
            Self::Index => "index page",
            Self::Catalog => "catalog page",
            Self::Entry => "catalog entry",
            Self::Hosts => "allow-list",
            Self::Application => "application",
            Self::Node => "node",
            Self::Leaf => "leaf",
            Self::Interior => "interior node",
            Self::Pool => "pool",
        })
    }
}

/// What opening the pool makes of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Opening {
    /// It puts it right, or it does not count any more.
    Mends,
    /// It does not notice.
    Overlooks,
    /// It ends with an error.
    Refuses,
}

/// What puts a finding right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Remedy {
    /// Opening the pool; a repair as well.
    Opening,
    /// A repair, which costs no block of any volume, but this.
    Repair {
        /// What it does.
        does: &'static str,
    },
    /// Nothing here: volumes' data may be lost.
    Backup,
}

/// A volume or snapshot that a finding is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Affected {
    /// Its name.
    pub name: String,
    /// Names it for good.
    pub uuid: Uuid,
}

/// Whose data a finding is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Affects {
    /// Nobody's.
    Nobody,
    /// These, by slot.
    Volumes(Vec<Affected>),
    /// At most so many, whose names went with it.
    Unnamed(usize),
    /// Everybody's.
    Pool,
}

/// Something that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// Which structure.
    pub structure: Structure,
    /// Where it is, or should be: in blocks of 4096 bytes from the device's start.
    pub block: Option<u64>,
    /// What is wrong.
    pub fault: Fault,
    /// Whose data it is about.
    pub affects: Affects,
    /// What opening the pool makes of it.
    pub opening: Opening,
}

/// Names of volumes that are told; the rest are counted.
const TOLD: usize = 3;

impl fmt::Display for Affects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => f.write_str("no volume depends on it"),
            Self::Unnamed(count) => write!(f, "up to {count} volumes depend on it, their names are lost"),
            Self::Pool => f.write_str("all volumes depend on it"),
            Self::Volumes(volumes) => {
                let names: Vec<String> =
                    volumes.iter().take(TOLD).map(|volume| format!("{:?}", volume.name)).collect();
                write!(f, "it is about {}", names.join(", "))?;
                let more = volumes.len().saturating_sub(TOLD);
                if more > 0 { write!(f, " and {more} more") } else { Ok(()) }
            }
        }
    }
}

const FORGETS: Remedy = Remedy::Repair { does: "forgets the application: set it again" };
const UNPUBLISHES: Remedy = Remedy::Repair { does: "unpublishes the volume: publish it again" };

impl Complaint {
    /// What puts it right.
    #[must_use]
    pub fn remedy(&self) -> Remedy {
        match (self.opening, self.structure, &self.fault) {
            (Opening::Mends, ..) => Remedy::Opening,
            (_, Structure::Application, _) => FORGETS,
            (_, Structure::Hosts, _) | (_, Structure::Entry, Fault::Hosts) => UNPUBLISHES,
            _ => Remedy::Backup,
        }
    }

    fn advise(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (opens, overlooks) = ("the pool does not open", "opening the pool overlooks it");
        let state = if self.opening == Opening::Refuses { opens } else { overlooks };
        match self.remedy() {
            Remedy::Opening => f.write_str("opening the pool mends it"),
            Remedy::Repair { does } => write!(f, "{state}; a repair {does}"),
            Remedy::Backup if self.opening == Opening::Refuses => {
                write!(f, "{state}: restore it from a backup")
            }
            Remedy::Backup => write!(f, "{state}: copy the volumes off and restore the pool"),
        }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.structure)?;
        if let Some(block) = self.block {
            write!(f, " at block {block}")?;
        }
        write!(f, ": {}; {}; ", self.fault, self.affects)?;
        self.advise(f)
    }
}
