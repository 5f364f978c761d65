//! What Identify told of a controller and its namespace, and what follows for requests. Pure.

use sluice_device::DeviceInfo;
use sluice_nvme::identify::command_set_ctrl::NvmIdentifyController;
use sluice_nvme::identify::controller::IdentifyController;
use sluice_nvme::identify::lba_format::LbaFormat;
use sluice_nvme::identify::namespace::IdentifyNamespace;
use sluice_nvme::text::ascii;

use crate::command::Abilities;

/// A page of the controller: the smallest, which every controller knows.
pub const PAGE_BYTES: u32 = 4096;

/// Most blocks of one Read, Write or Write Zeroes: NLB is 16 bits, 0-based.
const MOST_BLOCKS: u32 = 1 << 16;

/// Longest Write Zeroes and Deallocate: more in one command would only delay others' I/O.
const CLEAR_BYTES: u32 = 64 << 20;

/// DLFEAT: deallocated blocks read as zeroes.
const READS_ZEROES: u8 = 1;

/// Why a namespace cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NamespaceError {
    /// It has no blocks: it is not active.
    #[error("the namespace is not active: attach it (`nvme attach-ns`)")]
    Inactive,
    /// It has metadata or protection information.
    #[error("the namespace is formatted with metadata: format it without (`nvme format --ms=0 --pi=0`)")]
    Metadata,
    /// Its blocks are of a size that hosts do not understand.
    #[error("the namespace has blocks of {block_size} bytes: format it with 512 or 4096 (`nvme format`)")]
    BlockSize {
        /// Bytes of a block; 0 if the namespace contradicts itself.
        block_size: u32,
    },
}

/// What whoever sends the commands can do and wishes for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Driver {
    /// Longest transfer it can describe.
    pub transfer_bytes: u32,
    /// Use SGLs if the controller takes them.
    pub sgl: bool,
    /// Use shadow doorbells if the controller offers them.
    pub shadow_doorbells: bool,
}

/// A controller and its namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Product name.
    pub model: String,
    /// Serial number.
    pub serial: String,
    /// Firmware revision.
    pub firmware: String,
    /// The namespace in use.
    pub nsid: u32,
    /// Bytes of a block: 512 to 4096.
    pub block_size: u32,
    /// Blocks.
    pub blocks: u64,
    /// Longest Read or Write.
    pub max_transfer_blocks: u32,
    /// Longest Write Zeroes.
    pub max_write_zeroes_blocks: u32,
    /// Longest Deallocate; 0: the controller has none.
    pub max_deallocate_blocks: u32,
    /// A completed write may be lost with the power until a Flush.
    pub volatile_write_cache: bool,
    /// How commands are to be made.
    pub abilities: Abilities,
    /// Shadow doorbells are to be used.
    pub shadow_doorbells: bool,
}

impl Facts {
    /// From the Identify data of the controller and of namespace `nsid`; `limits` if the controller has them.
    ///
    /// # Errors
    /// [`NamespaceError`].
    pub fn new(
        controller: &IdentifyController,
        namespace: &IdentifyNamespace,
        nsid: u32,
        limits: Option<&NvmIdentifyController>,
        driver: Driver,
    ) -> Result<Self, NamespaceError> {
        let block_size = block_size(namespace)?;
        let sgl = driver.sgl && matches!(controller.sgls.support(), 1 | 2);
        let write_zeroes = controller.oncs.write_zeroes();
        let reads_zeroes = namespace.dlfeat.read() == READS_ZEROES;
        let transfer_bytes = power_of_pages(controller.mdts).min(driver.transfer_bytes);
        let max_transfer_blocks = (transfer_bytes / block_size).min(MOST_BLOCKS);
        Ok(Self {
            model: text(&controller.mn),
            serial: text(&controller.sn),
            firmware: text(&controller.fr),
            nsid,
            block_size,
            blocks: namespace.nsze.get(),
            max_transfer_blocks,
            max_write_zeroes_blocks: match limits {
                _ if !write_zeroes => max_transfer_blocks,
                Some(limits) => clear_blocks(power_of_pages(limits.wzsl), block_size).min(MOST_BLOCKS),
                // A controller that tells no limit of its own may mean its largest transfer.
                None => max_transfer_blocks,
            },
            max_deallocate_blocks: match limits {
                _ if !controller.oncs.dataset_management() => 0,
                Some(limits) => deallocate_blocks(limits, block_size),
                None => clear_blocks(u32::MAX, block_size),
            },
            volatile_write_cache: controller.vwc.present(),
            abilities: Abilities {
                sgl,
                write_zeroes,
                write_zeroes_deallocates: namespace.dlfeat.write_zeroes_deallocates() && reads_zeroes,
            },
            shadow_doorbells: driver.shadow_doorbells && controller.oacs.doorbell_buffer(),
        })
    }

    /// Whether requests for the device that these facts are about may be sent to that one.
    #[must_use]
    pub fn is_same_device(&self, other: &Self) -> bool {
        let identity = |facts: &Self| (facts.serial.clone(), facts.nsid, facts.block_size, facts.blocks);
        identity(self) == identity(other) && self.max_transfer_blocks <= other.max_transfer_blocks
    }

    /// As devices describe themselves.
    #[must_use]
    pub fn info(&self, kind: &'static str, name: &str, queue_depth: u32) -> DeviceInfo {
        DeviceInfo {
            name: name.to_owned(),
            kind,
            model: self.model.clone(),
            serial: self.serial.clone(),
            block_size: self.block_size,
            blocks: self.blocks,
            buffer_align: PAGE_BYTES,
            max_transfer_blocks: self.max_transfer_blocks,
            max_write_zeroes_blocks: self.max_write_zeroes_blocks,
            max_deallocate_blocks: self.max_deallocate_blocks,
            queue_depth,
            volatile_write_cache: self.volatile_write_cache,
            fua: true,
            // A controller need not deallocate what it is asked to; DLFEAT tells only of blocks that it did.
            deallocate_reads_zeroes: false,
        }
    }
}

fn text(field: &[u8]) -> String {
    ascii(field).unwrap_or_default().to_owned()
}

fn block_size(namespace: &IdentifyNamespace) -> Result<u32, NamespaceError> {
    if namespace.nsze.get() == 0 {
        return Err(NamespaceError::Inactive);
    }
    let format = namespace.format().ok_or(NamespaceError::BlockSize { block_size: 0 })?;
    if format.ms() != 0 || namespace.dps & 0b111 != 0 {
        return Err(NamespaceError::Metadata);
    }
    match LbaFormat::block_bytes(format).unwrap_or(0) {
        block_size @ 512..=PAGE_BYTES => Ok(block_size),
        block_size => Err(NamespaceError::BlockSize { block_size }),
    }
}

/// Bytes of 2^`power` pages; no limit if `power` is 0.
fn power_of_pages(power: u8) -> u32 {
    if power == 0 {
        u32::MAX
    } else {
        PAGE_BYTES.checked_shl(u32::from(power)).filter(|n| *n > 0).unwrap_or(u32::MAX)
    }
}

/// Blocks of a clear that may have `limit_bytes`.
fn clear_blocks(limit_bytes: u32, block_size: u32) -> u32 {
    limit_bytes.min(CLEAR_BYTES) / block_size
}

/// Blocks of a Dataset Management with one range.
fn deallocate_blocks(limits: &NvmIdentifyController, block_size: u32) -> u32 {
    let unlimited = |blocks: u64| if blocks == 0 { u64::MAX } else { blocks };
    let limit = unlimited(u64::from(limits.dmrsl.get())).min(unlimited(limits.dmsl.get()));
    u32::try_from(limit).unwrap_or(u32::MAX).min(clear_blocks(u32::MAX, block_size))
}

#[cfg(test)]
mod test {
    use sluice_nvme::identify::capabilities::{Oacs, Oncs, Sgls, Vwc};
    use sluice_nvme::identify::namespace::Dlfeat;
    use zerocopy::little_endian::{U32, U64};

    use super::*;

    const DRIVER: Driver = Driver { transfer_bytes: 1 << 20, sgl: true, shadow_doorbells: true };

    fn namespace(block_bytes: u32) -> IdentifyNamespace {
        let mut namespace = IdentifyNamespace { nsze: U64::new(1 << 20), ..IdentifyNamespace::default() };
        namespace.lbaf[0] = LbaFormat::of_block_bytes(block_bytes);
        namespace
    }

    fn facts(controller: &IdentifyController, limits: Option<&NvmIdentifyController>) -> Facts {
        Facts::new(controller, &namespace(4096), 1, limits, DRIVER).unwrap()
    }

    #[test]
    fn a_controller_that_offers_nothing_is_still_served() {
        let facts = facts(&IdentifyController::default(), None);
        assert_eq!(
            (facts.max_transfer_blocks, facts.max_write_zeroes_blocks),
            (256, 256),
            "the longest list"
        );
        assert_eq!(facts.max_deallocate_blocks, 0);
        assert!(!facts.volatile_write_cache && !facts.shadow_doorbells);
        assert_eq!(
            facts.abilities,
            Abilities { sgl: false, write_zeroes: false, write_zeroes_deallocates: false }
        );
    }

    #[test]
    fn limits_are_the_controllers() {
        let controller = IdentifyController {
            mdts: 5,
            oncs: Oncs::default().with_write_zeroes(true).with_dataset_management(true),
            oacs: Oacs::default().with_doorbell_buffer(true),
            sgls: Sgls::default().with_support(1),
            vwc: Vwc::default().with_present(true),
            ..IdentifyController::default()
        };
        let told = NvmIdentifyController {
            wzsl: 3,
            dmrsl: U32::new(500),
            dmsl: U64::new(400),
            ..NvmIdentifyController::default()
        };
        let limited = facts(&controller, Some(&told));
        assert_eq!((limited.max_transfer_blocks, limited.max_write_zeroes_blocks), (32, 8));
        assert_eq!(limited.max_deallocate_blocks, 400);
        assert!(limited.shadow_doorbells && limited.volatile_write_cache && limited.abilities.sgl);
        let unlimited = facts(&controller, Some(&NvmIdentifyController::default()));
        assert_eq!((unlimited.max_write_zeroes_blocks, unlimited.max_deallocate_blocks), (16_384, 16_384));
        let untold = facts(&controller, None);
        assert_eq!((untold.max_write_zeroes_blocks, untold.max_deallocate_blocks), (32, 16_384));
    }

    #[test]
    fn zeroes_are_deallocated_only_where_they_then_read_as_zeroes() {
        for (read, honours, expected) in
            [(1, true, true), (0, true, false), (2, true, false), (1, false, false)]
        {
            let dlfeat = Dlfeat::default().with_read(read).with_write_zeroes_deallocates(honours);
            let namespace = IdentifyNamespace { dlfeat, ..namespace(512) };
            let facts = Facts::new(&IdentifyController::default(), &namespace, 1, None, DRIVER).unwrap();
            assert_eq!(facts.abilities.write_zeroes_deallocates, expected, "{dlfeat:?}");
        }
    }

    #[test]
    fn formats_that_cannot_be_served_are_refused() {
        let refusal = |namespace: &IdentifyNamespace| {
            Facts::new(&IdentifyController::default(), namespace, 1, None, DRIVER).unwrap_err()
        };
        let mut metadata = namespace(4096);
        metadata.lbaf[0] = metadata.lbaf[0].with_ms(8);
        assert!(matches!(refusal(&metadata), NamespaceError::Metadata));
        let protected = IdentifyNamespace { dps: 1, ..namespace(4096) };
        assert!(matches!(refusal(&protected), NamespaceError::Metadata));
        assert!(matches!(refusal(&namespace(8192)), NamespaceError::BlockSize { block_size: 8192 }));
        assert!(matches!(refusal(&IdentifyNamespace::default()), NamespaceError::Inactive));
    }
}
