//! Admin commands.

use sluice_nvme::admin::abort::Abort;
use sluice_nvme::feature::number_of_queues::NumberOfQueues;
use sluice_nvme::feature::{FeatureId, SetFeatures};
use sluice_nvme::identify::active_list::NamespaceList;
use sluice_nvme::identify::capabilities::{Fna, Oacs, Oncs, Sanicap, Sgls, Vwc};
use sluice_nvme::identify::command_set_ctrl::NvmIdentifyController;
use sluice_nvme::identify::controller::IdentifyController;
use sluice_nvme::identify::lba_format::LbaFormat;
use sluice_nvme::identify::namespace::{Dlfeat, Flbas, IdentifyNamespace};
use sluice_nvme::identify::{Cns, IdentifyCommand};
use sluice_nvme::log::error::ErrorEntry;
use sluice_nvme::log::{GetLogPage, LogId};
use sluice_nvme::opcode::AdminOpcode;
use sluice_nvme::pcie::create_queue::{CompletionQueueFlags, QueueShape, SubmissionQueueFlags};
use sluice_nvme::sqe::Sqe;
use sluice_nvme::status::Status;
use sluice_nvme::text::set_ascii;
use zerocopy::IntoBytes;
use zerocopy::little_endian::U64;

use super::Config;
use super::erase::FORMATS;
use super::machine::{CompletionRing, Fetched, Machine, ShadowPages, Submission};

impl Machine {
    pub(super) fn execute_admin(&mut self, fetched: &Fetched) {
        let entry = &fetched.entry;
        let done = match AdminOpcode::from_wire(entry.opcode) {
            Some(AdminOpcode::AsyncEventRequest) => {
                self.event_requests.push_back(entry.cid.get());
                return self.tell_waiting();
            }
            Some(AdminOpcode::Identify) => self.identify(entry),
            Some(AdminOpcode::GetLogPage) => self.log_page(entry),
            Some(AdminOpcode::SetFeatures) => return self.set_features(fetched),
            Some(AdminOpcode::CreateIoCompletionQueue) => self.create_completion_queue(entry),
            Some(AdminOpcode::CreateIoSubmissionQueue) => self.create_submission_queue(entry),
            Some(AdminOpcode::DoorbellBufferConfig) if self.config.shadow_doorbells => {
                let [values, event_indices] = prp(entry);
                self.shadow = Some(ShadowPages { values, event_indices });
                Ok(())
            }
            Some(AdminOpcode::FormatNvm) if self.config.erases => self.format(entry),
            Some(AdminOpcode::Sanitize) if self.config.erases => self.sanitize(),
            Some(AdminOpcode::Abort) => return self.abort(fetched),
            _ => Err(Status::INVALID_OPCODE),
        };
        self.post(fetched, done.err().unwrap_or(Status::SUCCESS), 0);
    }

    fn identify(&mut self, entry: &Sqe) -> Result<(), Status> {
        let command = IdentifyCommand::from_sqe(entry);
        match command.cns() {
            Some(Cns::Controller) => self.answer(entry, self.controller().as_bytes()),
            Some(Cns::Namespace) => self.answer(entry, self.namespace().as_bytes()),
            Some(Cns::ActiveNamespaceList) => {
                let list = NamespaceList::after(command.nsid, 1..=self.config.namespaces);
                self.answer(entry, list.as_bytes())
            }
            Some(Cns::CommandSetController) if self.config.clears => self.answer(
                entry,
                NvmIdentifyController { wzsl: 5, ..NvmIdentifyController::default() }.as_bytes(),
            ),
            _ => Err(Status::INVALID_FIELD),
        }
    }

    fn controller(&self) -> IdentifyController {
        let config = &self.config;
        let mut data = IdentifyController {
            mdts: config.mdts,
            oacs: Oacs::default().with_doorbell_buffer(config.shadow_doorbells).with_format(config.erases),
            fna: Fna::default().with_cryptographic(config.erases),
            sanicap: Sanicap::default().with_block_erase(config.erases).with_overwrite(config.erases),
            oncs: Oncs::default().with_write_zeroes(config.clears).with_dataset_management(config.clears),
            sgls: Sgls::default().with_support(u8::from(config.sgl)),
            vwc: Vwc::default().with_present(config.volatile_write_cache),
            ..IdentifyController::default()
        };
        set_ascii(&mut data.mn, "Sluice model controller");
        set_ascii(&mut data.sn, "MODEL-0001");
        set_ascii(&mut data.fr, "1.0");
        data
    }

    fn namespace(&self) -> IdentifyNamespace {
        let blocks = U64::new(self.config.blocks);
        let dlfeat = Dlfeat::default().with_read(1).with_write_zeroes_deallocates(true);
        let mut data = IdentifyNamespace {
            nsze: blocks,
            ncap: blocks,
            nuse: blocks,
            dlfeat,
            ..IdentifyNamespace::default()
        };
        let Config { block_size, metadata, erases, .. } = self.config;
        let formats: &[u32] = if erases { &FORMATS } else { &[] };
        for (format, bytes) in data.lbaf.iter_mut().zip(formats) {
            *format = LbaFormat::of_block_bytes(*bytes);
        }
        // What it has now comes last, whatever it is.
        let index = u8::try_from(formats.len()).expect("few formats");
        data.lbaf[formats.len()] = LbaFormat::of_block_bytes(block_size).with_ms(metadata);
        (data.nlbaf, data.flbas) = (index, Flbas::default().with_index_low(index));
        data
    }

    fn log_page(&mut self, entry: &Sqe) -> Result<(), Status> {
        match LogId::from_wire(GetLogPage::from_sqe(entry).cdw10.lid()) {
            Some(LogId::Smart) => self.answer(entry, { self.smart }.as_bytes()),
            Some(LogId::SanitizeStatus) if self.config.erases => {
                let log = self.sanitize_status();
                self.answer(entry, log.as_bytes())
            }
            Some(LogId::ErrorInformation) => {
                let error_count = U64::new(u64::try_from(self.smart.error_entries.get()).unwrap_or(u64::MAX));
                self.answer(entry, ErrorEntry { error_count, ..ErrorEntry::default() }.as_bytes())
            }
            Some(LogId::ChangedNamespaces) => self.answer(entry, NamespaceList::after(0, [1]).as_bytes()),
            _ => Err(Status::INVALID_LOG_PAGE),
        }
    }

    fn set_features(&mut self, fetched: &Fetched) {
        let command = SetFeatures::from_sqe(&fetched.entry);
        let granted = match command.fid() {
            Some(FeatureId::NumberOfQueues) => NumberOfQueues::pairs(self.config.queue_pairs).bits(),
            _ => 0,
        };
        self.post(fetched, Status::SUCCESS, granted);
    }

    fn create_completion_queue(&mut self, entry: &Sqe) -> Result<(), Status> {
        let (qid, entries, address) = self.shape(entry)?;
        let interrupts = CompletionQueueFlags::from_bits(entry.cdw11.get()).ien();
        let ring = CompletionRing { address, entries, head: 0, tail: 0, phase: true, interrupts };
        self.completions.insert(qid, ring);
        Ok(())
    }

    fn create_submission_queue(&mut self, entry: &Sqe) -> Result<(), Status> {
        let (qid, entries, address) = self.shape(entry)?;
        let cqid = SubmissionQueueFlags::from_bits(entry.cdw11.get()).cqid();
        if !self.completions.contains_key(&cqid) {
            return Err(Status::CQ_INVALID);
        }
        self.submissions.insert(qid, Submission { address, entries, head: 0, tail: 0, cqid });
        Ok(())
    }

    /// Identifier, entries and address of a queue to be made.
    fn shape(&self, entry: &Sqe) -> Result<(u16, u16, u64), Status> {
        let shape = QueueShape::from_bits(entry.cdw10.get());
        let [address, _] = prp(entry);
        match shape.qid() {
            0 => Err(Status::INVALID_QUEUE_ID),
            _ if !(1..self.config.queue_entries).contains(&shape.qsize()) => Err(Status::INVALID_QUEUE_SIZE),
            qid => Ok((qid, shape.qsize() + 1, address)),
        }
    }

    /// Completes a swallowed command, unless aborts have no effect.
    fn abort(&mut self, fetched: &Fetched) {
        let wanted = Abort::from_bits(fetched.entry.cdw10.get());
        let is_it = |other: &Fetched| (other.sqid, other.entry.cid.get()) == (wanted.sqid(), wanted.cid());
        let found = self.swallowed.iter().position(is_it).filter(|_| !self.faults.ignore_aborts);
        if let Some(at) = found {
            let aborted = self.swallowed.remove(at);
            self.post(&aborted, Status::ABORT_REQUESTED, 0);
        }
        self.post(fetched, Status::SUCCESS, u32::from(found.is_none()));
    }

    fn answer(&mut self, entry: &Sqe, data: &[u8]) -> Result<(), Status> {
        let [address, _] = prp(entry);
        let written = self.memory.write(address, data);
        self.counts.stray += u64::from(written.is_none());
        written.ok_or(Status::DATA_TRANSFER_ERROR)
    }
}

/// PRP1 and PRP2.
pub(super) fn prp(entry: &Sqe) -> [u64; 2] {
    let pointers: [U64; 2] = zerocopy::transmute!(entry.dptr);
    pointers.map(U64::get)
}
