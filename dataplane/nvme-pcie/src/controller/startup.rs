//! The commands between a controller's being enabled and its being of use, one after the other. Pure.
//!
//! ```text
//! Identify Controller ─► Number of Queues ─► NVM limits? ─► namespaces ─► Identify Namespace ◄────────┐
//!     ─► Arbitration? ─► Doorbell Buffer? ─► Create CQ, SQ, of each pair  │ to be erased              │
//!     ─► event configuration? ─► done                                    └► Format or Sanitize ─► its status
//! ```
//! A question mark: it may fail, or is left out, and the controller is of use all the same. A namespace is erased
//! before it is judged: one that is in no state to be used may be so afterwards.

use sluice_device::Nanos;
use sluice_nvme::admin::sanitize::{SanitizeState, SanitizeStatus};
use sluice_nvme::feature::arbitration::Arbitration;
use sluice_nvme::feature::async_event_config::AsyncEventConfig;
use sluice_nvme::feature::number_of_queues::NumberOfQueues;
use sluice_nvme::feature::{FeatureId, SetFeatures};
use sluice_nvme::identify::active_list::{NSID_ALL, NamespaceList};
use sluice_nvme::identify::command_set_ctrl::NvmIdentifyController;
use sluice_nvme::identify::controller::IdentifyController;
use sluice_nvme::identify::namespace::IdentifyNamespace;
use sluice_nvme::identify::{Cns, IdentifyCommand};
use sluice_nvme::log::{GetLogPage, LogId, LogRange};
use sluice_nvme::pcie::create_queue::{
    CompletionQueueFlags, QueueShape, SubmissionQueueFlags, create_completion_queue, create_submission_queue,
};
use sluice_nvme::pcie::doorbell_buffer::doorbell_buffer_config;
use sluice_nvme::sqe::Sqe;
use sluice_nvme::status::Status;
use zerocopy::FromBytes;

use crate::error::StartError;
use crate::layout::{LIST_REACH_BYTES, Layout};
use crate::options::{Options, SECOND, Weights};
use crate::pointer::set_prp;
use crate::queue::Entry;
use sluice_nvme_block::{Driver, Erasable, Erase, Facts};

/// Bytes of data that an Identify command returns.
pub(crate) type Page = [u8; 4096];

/// The interrupt vector of all I/O queues: the admin queue's, so that an event wakes who sleeps, too.
const VECTOR: u16 = 0;

/// Critical warnings of the SMART log that are worth an event: all of them.
const ALL_WARNINGS: u8 = 0x3f;

/// A command of the start may take so long; drives that initialize their media take seconds.
const COMMAND: Nanos = Nanos(15 * SECOND.0);

/// A Format NVM may take so long: a large drive that erases its media in doing so takes many minutes.
const FORMAT: Nanos = Nanos(1800 * SECOND.0);

/// Between two looks at the progress of a Sanitize.
const PROGRESS: Nanos = SECOND;

/// The command under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Controller,
    Queues,
    Limits,
    Namespaces,
    Namespace,
    Erase,
    Sanitizing,
    Arbitration,
    Shadow,
    CompletionQueue,
    SubmissionQueue,
    Events,
    Done,
}

/// What the start goes by, besides what the controller tells.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) options: Options,
    pub(crate) layout: Layout,
    /// The controller arbitrates by weights, and was told to.
    pub(crate) weighted: bool,
    /// The I/O queue interrupts.
    pub(crate) interrupts: bool,
}

/// A start under way.
#[derive(Debug)]
pub(crate) struct Startup {
    stage: Stage,
    controller: Option<Box<IdentifyController>>,
    limits: Option<Box<NvmIdentifyController>>,
    nsid: u32,
    /// Active ones.
    namespaces: usize,
    /// What is to be done to the namespace before it is judged, and its command once it was.
    erase: Option<Erase>,
    erasing: Sqe,
    progress_percent: u8,
    /// I/O queue pairs: as many as are wanted and granted, a power of two.
    pairs: u16,
    /// Of them, created.
    created: u16,
    facts: Option<Facts>,
}

impl Startup {
    /// A start, of a drive that is to be erased first if so told.
    pub(crate) fn new(erase: Option<Erase>) -> Self {
        Self {
            stage: Stage::Controller,
            controller: None,
            limits: None,
            nsid: 0,
            namespaces: 0,
            erase,
            erasing: Sqe::default(),
            progress_percent: 0,
            pairs: 1,
            created: 0,
            facts: None,
        }
    }

    /// How long the command may take.
    pub(crate) fn patience(&self) -> Nanos {
        if self.stage == Stage::Erase { FORMAT } else { COMMAND }
    }

    /// How long to rest before the command.
    pub(crate) fn rest(&self) -> Nanos {
        if self.stage == Stage::Sanitizing { PROGRESS } else { Nanos::ZERO }
    }

    /// How far a Sanitize has come, while one is going on.
    pub(crate) fn progress_percent(&self) -> Option<u8> {
        (self.stage == Stage::Sanitizing).then_some(self.progress_percent)
    }

    /// The next command; `None`: all is done. Its data, if any, go to [`Layout::DATA`].
    pub(crate) fn command(&self, plan: &Plan) -> Option<Sqe> {
        let layout = &plan.layout;
        let mut entry = Sqe::default();
        match self.stage {
            Stage::Controller => IdentifyCommand::new(Cns::Controller, 0).write_to(&mut entry),
            Stage::Queues => {
                let value = NumberOfQueues::pairs(plan.layout.shape.pairs).bits();
                SetFeatures::new(FeatureId::NumberOfQueues, value).write_to(&mut entry);
            }
            Stage::Limits => IdentifyCommand::new(Cns::CommandSetController, 0).write_to(&mut entry),
            Stage::Namespaces => IdentifyCommand::new(Cns::ActiveNamespaceList, 0).write_to(&mut entry),
            Stage::Namespace => IdentifyCommand::new(Cns::Namespace, self.nsid).write_to(&mut entry),
            Stage::Erase => return Some(self.erasing),
            Stage::Sanitizing => {
                let range = LogRange { offset: 0, length: size_of::<SanitizeStatus>() as u64 };
                GetLogPage::new(LogId::SanitizeStatus, NSID_ALL, range, false).write_to(&mut entry);
            }
            Stage::Arbitration => {
                SetFeatures::new(FeatureId::Arbitration, arbitration(plan.options.weights))
                    .write_to(&mut entry);
            }
            Stage::Shadow => {
                let (shadow, index) = (layout.iova(Layout::SHADOW), layout.iova(Layout::EVENT_INDEX));
                return Some(doorbell_buffer_config(shadow, index));
            }
            Stage::CompletionQueue => return Some(completion_queue(plan, self.created)),
            Stage::SubmissionQueue => return Some(submission_queue(plan, self.created)),
            Stage::Events => {
                let value =
                    AsyncEventConfig::default().with_smart(ALL_WARNINGS).with_namespace_attribute(true);
                SetFeatures::new(FeatureId::AsyncEventConfiguration, value.bits()).write_to(&mut entry);
            }
            Stage::Done => return None,
        }
        set_prp(&mut entry, layout.iova(Layout::DATA), 0);
        Some(entry)
    }

    /// Takes the completion of the command, and with it the data it returned.
    ///
    /// # Errors
    /// Every [`StartError`] that the controller's answers can cause.
    pub(crate) fn completed(&mut self, entry: &Entry, data: &Page, plan: &Plan) -> Result<(), StartError> {
        let status = entry.status;
        // A Sanitize that is going on already, since before a loss of power perhaps, is as good.
        let goes_on = self.stage == Stage::Erase && status.code() == Status::SANITIZE_IN_PROGRESS;
        let worked = status.is_success() || goes_on;
        if !worked && let Some(command) = self.needed() {
            return Err(StartError::Command { command, status });
        }
        self.stage = match self.stage {
            Stage::Controller => {
                self.controller = Some(Box::new(structure(data)));
                Stage::Queues
            }
            Stage::Queues => {
                let granted =
                    u16::try_from(NumberOfQueues::from_bits(entry.result).qpairs()).unwrap_or(u16::MAX);
                self.pairs = floor(granted.min(plan.layout.shape.pairs));
                Stage::Limits
            }
            Stage::Limits => {
                self.limits = worked.then(|| Box::new(structure(data)));
                Stage::Namespaces
            }
            Stage::Namespaces => {
                let list = structure::<NamespaceList>(data);
                self.namespaces = list.iter().count();
                self.nsid = choose(&list, plan.options.namespace)?;
                Stage::Namespace
            }
            Stage::Namespace => match self.erase {
                Some(erase) => self.prepare(erase, &structure(data))?,
                None => self.learn(&structure(data), plan)?,
            },
            Stage::Erase => match self.erase.take() {
                Some(Erase::Sanitize(_)) => Stage::Sanitizing,
                _ => Stage::Namespace,
            },
            Stage::Sanitizing => self.follow(data)?,
            Stage::Arbitration => self.before_queues(),
            Stage::Shadow => {
                self.facts.iter_mut().for_each(|facts| facts.shadow_doorbells &= worked);
                Stage::CompletionQueue
            }
            Stage::CompletionQueue => Stage::SubmissionQueue,
            Stage::SubmissionQueue => {
                self.created += 1;
                if self.created < self.pairs { Stage::CompletionQueue } else { Stage::Events }
            }
            Stage::Events | Stage::Done => Stage::Done,
        };
        Ok(())
    }

    /// How many I/O queue pairs there are, once all is done.
    pub(crate) fn created_pairs(&self) -> u16 {
        self.created
    }

    /// What was learned, once all is done.
    pub(crate) fn into_facts(self) -> Option<Facts> {
        self.facts
    }

    /// What the stage's command is called, if there is no I/O without it.
    fn needed(&self) -> Option<&'static str> {
        match self.stage {
            Stage::Controller => Some("Identify Controller"),
            Stage::Queues => Some("Set Features (Number of Queues)"),
            Stage::Namespaces => Some("Identify (Active Namespace ID list)"),
            Stage::Namespace => Some("Identify Namespace"),
            Stage::Erase => Some("Format NVM or Sanitize"),
            Stage::Sanitizing => Some("Get Log Page (Sanitize Status)"),
            Stage::CompletionQueue => Some("Create I/O Completion Queue"),
            Stage::SubmissionQueue => Some("Create I/O Submission Queue"),
            Stage::Limits | Stage::Arbitration | Stage::Shadow | Stage::Events | Stage::Done => None,
        }
    }

    fn prepare(&mut self, erase: Erase, namespace: &IdentifyNamespace) -> Result<Stage, StartError> {
        let controller = self.controller.as_ref().expect("identified first");
        let drive = Erasable { controller, namespace, nsid: self.nsid, namespaces: self.namespaces };
        self.erasing = erase.command(&drive)?;
        Ok(Stage::Erase)
    }

    /// How a Sanitize goes on.
    fn follow(&mut self, data: &Page) -> Result<Stage, StartError> {
        let (status, _) = SanitizeStatus::read_from_prefix(data).expect("a log that fits a page");
        match status.state() {
            Some(SanitizeState::InProgress) => {
                let percent = u32::from(status.progress.get()) * 100 / 65_536;
                self.progress_percent = u8::try_from(percent).expect("less than 100");
                Ok(Stage::Sanitizing)
            }
            Some(SanitizeState::Completed | SanitizeState::CompletedDeallocated) => Ok(Stage::Namespace),
            _ => Err(StartError::Sanitize),
        }
    }

    fn learn(&mut self, namespace: &IdentifyNamespace, plan: &Plan) -> Result<Stage, StartError> {
        let controller = self.controller.as_ref().expect("identified first");
        let Options { sgl, shadow_doorbells, .. } = plan.options;
        let driver = Driver { transfer_bytes: LIST_REACH_BYTES, sgl, shadow_doorbells };
        let facts = Facts::new(controller, namespace, self.nsid, self.limits.as_deref(), driver)?;
        self.facts = Some(facts);
        Ok(if plan.weighted { Stage::Arbitration } else { self.before_queues() })
    }

    fn before_queues(&self) -> Stage {
        let shadow = self.facts.as_ref().is_some_and(|facts| facts.shadow_doorbells);
        if shadow { Stage::Shadow } else { Stage::CompletionQueue }
    }
}

/// An Identify structure from the bytes it fills.
fn structure<T: FromBytes>(data: &Page) -> T {
    T::read_from_bytes(data).unwrap_or_else(|_| unreachable!("Identify structures fill a page"))
}

/// The namespace asked for if it is active, else the only one.
fn choose(list: &NamespaceList, wanted: Option<u32>) -> Result<u32, StartError> {
    match (wanted, list.iter().count()) {
        (Some(nsid), _) if list.iter().any(|active| active == nsid) => Ok(nsid),
        (Some(_), _) | (None, 0) => Err(StartError::NoNamespace),
        (None, 1) => list.iter().next().ok_or(StartError::NoNamespace),
        (None, count) => Err(StartError::WhichNamespace { count }),
    }
}

/// The largest power of two that is not above `count`, which is not 0.
fn floor(count: u16) -> u16 {
    1 << count.ilog2()
}

/// The identifier of both queues of a pair; 0 is the admin queues'.
pub(crate) fn qid(pair: u16) -> u16 {
    pair + 1
}

fn completion_queue(plan: &Plan, pair: u16) -> Sqe {
    let ring = plan.layout.completion(pair);
    let shape = QueueShape::default().with_qid(qid(pair)).with_qsize(ring.entries - 1);
    let flags = CompletionQueueFlags::default().with_pc(true).with_ien(plan.interrupts).with_iv(VECTOR);
    create_completion_queue(shape, flags, plan.layout.iova(ring.offset))
}

fn submission_queue(plan: &Plan, pair: u16) -> Sqe {
    let ring = plan.layout.submission(pair);
    let shape = QueueShape::default().with_qid(qid(pair)).with_qsize(ring.entries - 1);
    let priority = if plan.weighted { plan.options.priority.wire() } else { 0 };
    let flags = SubmissionQueueFlags::default().with_pc(true).with_qprio(priority).with_cqid(qid(pair));
    create_submission_queue(shape, flags, plan.layout.iova(ring.offset))
}

/// The value of the Arbitration feature: weights are 0-based there. No limit on a burst within them.
fn arbitration(weights: Weights) -> u32 {
    let weight = |commands: u16| u8::try_from(commands.clamp(1, 256) - 1).unwrap_or(u8::MAX);
    let value = Arbitration::default().with_ab(7).with_lpw(weight(weights.low));
    value.with_mpw(weight(weights.medium)).with_hpw(weight(weights.high)).bits()
}
