//! The commands between a controller's being enabled and its being of use, one after the other. Pure.
//!
//! ```text
//! Identify Controller ─► Number of Queues ─► NVM limits? ─► namespaces ─► Identify Namespace
//!     ─► Arbitration? ─► Doorbell Buffer? ─► Create CQ ─► Create SQ ─► event configuration? ─► done
//! ```
//! A question mark: it may fail, or is left out, and the controller is of use all the same.

use sluice_nvme::feature::arbitration::Arbitration;
use sluice_nvme::feature::async_event_config::AsyncEventConfig;
use sluice_nvme::feature::number_of_queues::NumberOfQueues;
use sluice_nvme::feature::{FeatureId, SetFeatures};
use sluice_nvme::identify::active_list::NamespaceList;
use sluice_nvme::identify::command_set_ctrl::NvmIdentifyController;
use sluice_nvme::identify::controller::IdentifyController;
use sluice_nvme::identify::namespace::IdentifyNamespace;
use sluice_nvme::identify::{Cns, IdentifyCommand};
use sluice_nvme::pcie::create_queue::{
    CompletionQueueFlags, QueueShape, SubmissionQueueFlags, create_completion_queue, create_submission_queue,
};
use sluice_nvme::pcie::doorbell_buffer::doorbell_buffer_config;
use sluice_nvme::sqe::Sqe;
use sluice_nvme::status::Status;
use zerocopy::FromBytes;

use crate::error::StartError;
use crate::layout::{LIST_REACH_BYTES, Layout};
use crate::options::{Options, Weights};
use crate::pointer::set_prp;
use sluice_nvme_block::{Driver, Facts};

/// Bytes of data that an Identify command returns.
pub(crate) type Page = [u8; 4096];

/// The I/O queue pair's identifier.
pub(crate) const QID: u16 = 1;

/// The interrupt vector of the I/O queue: the admin queue's, so that an event wakes who sleeps, too.
const VECTOR: u16 = 0;

/// Critical warnings of the SMART log that are worth an event: all of them.
const ALL_WARNINGS: u8 = 0x3f;

/// The command under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Controller,
    Queues,
    Limits,
    Namespaces,
    Namespace,
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
    facts: Option<Facts>,
}

impl Startup {
    pub(crate) fn new() -> Self {
        Self { stage: Stage::Controller, controller: None, limits: None, nsid: 0, facts: None }
    }

    /// The next command; `None`: all is done. Its data, if any, go to [`Layout::DATA`].
    pub(crate) fn command(&self, plan: &Plan) -> Option<Sqe> {
        let layout = &plan.layout;
        let mut entry = Sqe::default();
        match self.stage {
            Stage::Controller => IdentifyCommand::new(Cns::Controller, 0).write_to(&mut entry),
            Stage::Queues => {
                let value = NumberOfQueues::pairs(1).bits();
                SetFeatures::new(FeatureId::NumberOfQueues, value).write_to(&mut entry);
            }
            Stage::Limits => IdentifyCommand::new(Cns::CommandSetController, 0).write_to(&mut entry),
            Stage::Namespaces => IdentifyCommand::new(Cns::ActiveNamespaceList, 0).write_to(&mut entry),
            Stage::Namespace => IdentifyCommand::new(Cns::Namespace, self.nsid).write_to(&mut entry),
            Stage::Arbitration => {
                SetFeatures::new(FeatureId::Arbitration, arbitration(plan.options.weights))
                    .write_to(&mut entry);
            }
            Stage::Shadow => {
                let (shadow, index) = (layout.iova(Layout::SHADOW), layout.iova(Layout::EVENT_INDEX));
                return Some(doorbell_buffer_config(shadow, index));
            }
            Stage::CompletionQueue => return Some(completion_queue(plan)),
            Stage::SubmissionQueue => return Some(submission_queue(plan)),
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
    pub(crate) fn completed(&mut self, status: Status, data: &Page, plan: &Plan) -> Result<(), StartError> {
        let worked = status.is_success();
        if !worked && let Some(command) = self.needed() {
            return Err(StartError::Command { command, status });
        }
        self.stage = match self.stage {
            Stage::Controller => {
                self.controller = Some(Box::new(structure(data)));
                Stage::Queues
            }
            Stage::Queues => Stage::Limits,
            Stage::Limits => {
                self.limits = worked.then(|| Box::new(structure(data)));
                Stage::Namespaces
            }
            Stage::Namespaces => {
                self.nsid = choose(&structure::<NamespaceList>(data), plan.options.namespace)?;
                Stage::Namespace
            }
            Stage::Namespace => self.learn(&structure(data), plan)?,
            Stage::Arbitration => self.before_queues(),
            Stage::Shadow => {
                self.facts.iter_mut().for_each(|facts| facts.shadow_doorbells &= worked);
                Stage::CompletionQueue
            }
            Stage::CompletionQueue => Stage::SubmissionQueue,
            Stage::SubmissionQueue => Stage::Events,
            Stage::Events | Stage::Done => Stage::Done,
        };
        Ok(())
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
            Stage::CompletionQueue => Some("Create I/O Completion Queue"),
            Stage::SubmissionQueue => Some("Create I/O Submission Queue"),
            Stage::Limits | Stage::Arbitration | Stage::Shadow | Stage::Events | Stage::Done => None,
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

fn completion_queue(plan: &Plan) -> Sqe {
    let ring = plan.layout.completion;
    let shape = QueueShape::default().with_qid(QID).with_qsize(ring.entries - 1);
    let flags = CompletionQueueFlags::default().with_pc(true).with_ien(plan.interrupts).with_iv(VECTOR);
    create_completion_queue(shape, flags, plan.layout.iova(ring.offset))
}

fn submission_queue(plan: &Plan) -> Sqe {
    let ring = plan.layout.submission;
    let shape = QueueShape::default().with_qid(QID).with_qsize(ring.entries - 1);
    let priority = if plan.weighted { plan.options.priority.wire() } else { 0 };
    let flags = SubmissionQueueFlags::default().with_pc(true).with_qprio(priority).with_cqid(QID);
    create_submission_queue(shape, flags, plan.layout.iova(ring.offset))
}

/// The value of the Arbitration feature: weights are 0-based there. No limit on a burst within them.
fn arbitration(weights: Weights) -> u32 {
    let weight = |commands: u16| u8::try_from(commands.clamp(1, 256) - 1).unwrap_or(u8::MAX);
    let value = Arbitration::default().with_ab(7).with_lpw(weight(weights.low));
    value.with_mpw(weight(weights.medium)).with_hpw(weight(weights.high)).bits()
}
