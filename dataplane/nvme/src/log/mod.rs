//! Log pages, NVMe Base 2.0 section 5.16: the Get Log Page command and the pages it returns.
//!
//! | dword | bits | field |
//! |---|---|---|
//! | CDW10 | 7:0 | LID, which page |
//! | CDW10 | 14:8 | LSP, specific to the page |
//! | CDW10 | 15 | RAE, keep the asynchronous event |
//! | CDW10, CDW11 | 31:16, 15:0 | NUMDL, NUMDU: dwords to return, 0-based |
//! | CDW11 | 31:16 | LSI, specific to the page |
//! | CDW12, CDW13 | | LPOL, LPOU: offset in bytes |
//! | CDW14 | 6:0 | UIDX, UUID index |
//! | CDW14 | 23 | OT, the offset is an index instead |
//! | CDW14 | 31:24 | CSI, command set |

pub mod changed_ns;
pub mod discovery;
pub mod effects;
pub mod error;
pub mod feature_effects;
pub mod firmware_slot;
pub mod smart;
pub mod supported_logs;

use crate::bits::bit_fields;
use crate::layout::wire_enum;
use crate::opcode::AdminOpcode;
use crate::sqe::Sqe;
use zerocopy::little_endian::U32;

wire_enum! {
    /// LID: Log Page Identifier.
    pub enum LogId: u8 {
        SupportedLogPages = 0x00 => "Supported Log Pages",
        ErrorInformation = 0x01 => "Error Information",
        Smart = 0x02 => "SMART / Health Information",
        FirmwareSlot = 0x03 => "Firmware Slot Information",
        ChangedNamespaces = 0x04 => "Changed Namespace List",
        CommandsSupportedAndEffects = 0x05 => "Commands Supported and Effects",
        DeviceSelfTest = 0x06 => "Device Self-test",
        TelemetryHost = 0x07 => "Telemetry Host-Initiated",
        TelemetryController = 0x08 => "Telemetry Controller-Initiated",
        EnduranceGroup = 0x09 => "Endurance Group Information",
        AsymmetricNamespaceAccess = 0x0c => "Asymmetric Namespace Access",
        PersistentEvent = 0x0d => "Persistent Event",
        LbaStatus = 0x0e => "LBA Status Information",
        FeatureEffects = 0x12 => "Feature Identifiers Supported and Effects",
        NvmeMiEffects = 0x13 => "NVMe-MI Commands Supported and Effects",
        Discovery = 0x70 => "Discovery",
        ReservationNotification = 0x80 => "Reservation Notification",
        SanitizeStatus = 0x81 => "Sanitize Status",
    }
}

bit_fields! {
    /// CDW10 of Get Log Page.
    pub struct LogCdw10(u32) {
        /// LID: see [`LogId`].
        lid, with_lid: u8 = 0..8;
        /// LSP: specific to the page.
        lsp, with_lsp: u8 = 8..15;
        /// RAE: reading does not clear the asynchronous event.
        rae, with_rae: bool = 15..16;
        /// NUMDL: low half of the number of dwords, 0-based.
        numdl, with_numdl: u16 = 16..32;
    }
}

bit_fields! {
    /// CDW11 of Get Log Page.
    pub struct LogCdw11(u32) {
        /// NUMDU: high half of the number of dwords, 0-based.
        numdu, with_numdu: u16 = 0..16;
        /// LSI: specific to the page.
        lsi, with_lsi: u16 = 16..32;
    }
}

bit_fields! {
    /// CDW14 of Get Log Page.
    pub struct LogCdw14(u32) {
        /// UIDX: UUID index.
        uidx, with_uidx: u8 = 0..7;
        /// OT: the offset is an index into a list, not bytes.
        ot, with_ot: bool = 23..24;
        /// CSI: command set, for pages of one.
        csi, with_csi: u8 = 24..32;
    }
}

/// What part of a page a Get Log Page wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogRange {
    /// Offset from the start of the page, in bytes (an index if OT is set).
    pub offset: u64,
    /// Length in bytes, a multiple of 4 from 4 to 2^34.
    pub length: u64,
}

impl LogRange {
    /// The bytes of `page` this range covers; empty behind its end. A host pads what it misses with zeroes.
    ///
    /// `None` if the offset lies behind the end of the page: Invalid Field in Command.
    #[must_use]
    pub fn of<'a>(&self, page: &'a [u8]) -> Option<&'a [u8]> {
        let offset = usize::try_from(self.offset).ok()?;
        let rest = page.get(offset..)?;
        let length = usize::try_from(self.length).unwrap_or(usize::MAX);
        Some(&rest[..rest.len().min(length)])
    }
}

/// The Get Log Page command, less its data pointer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GetLogPage {
    /// NSID: namespace, 0 or FFFFFFFFh for the controller.
    pub nsid: u32,
    /// Page and length.
    pub cdw10: LogCdw10,
    /// Length and page specific identifier.
    pub cdw11: LogCdw11,
    /// LPO: offset.
    pub offset: u64,
    /// Kind of offset, command set.
    pub cdw14: LogCdw14,
}

impl GetLogPage {
    /// Reads the fields of a Get Log Page command.
    #[must_use]
    pub fn from_sqe(sqe: &Sqe) -> Self {
        Self {
            nsid: sqe.nsid.get(),
            cdw10: LogCdw10::from_bits(sqe.cdw10.get()),
            cdw11: LogCdw11::from_bits(sqe.cdw11.get()),
            offset: u64::from(sqe.cdw12.get()) | u64::from(sqe.cdw13.get()) << 32,
            cdw14: LogCdw14::from_bits(sqe.cdw14.get()),
        }
    }

    /// Writes the fields into `sqe`, opcode included.
    pub fn write_to(&self, sqe: &mut Sqe) {
        let [low @ .., h0, h1, h2, h3] = self.offset.to_le_bytes();
        sqe.opcode = AdminOpcode::GetLogPage.wire();
        sqe.nsid = U32::new(self.nsid);
        sqe.cdw10 = U32::new(self.cdw10.bits());
        sqe.cdw11 = U32::new(self.cdw11.bits());
        sqe.cdw12 = U32::from_bytes(low);
        sqe.cdw13 = U32::from_bytes([h0, h1, h2, h3]);
        sqe.cdw14 = U32::new(self.cdw14.bits());
    }

    /// A request for the `range` of page `lid`, leaving its asynchronous event armed or not as `rae` says.
    ///
    /// # Panics
    /// If the length is not a multiple of 4 from 4 to 2^34.
    #[must_use]
    pub fn new(lid: LogId, nsid: u32, range: LogRange, rae: bool) -> Self {
        assert!(range.length.is_multiple_of(4) && range.length > 0, "whole dwords, at least one");
        let dwords = u32::try_from(range.length / 4 - 1).expect("at most 2^34 bytes");
        let [l0, l1, u0, u1] = dwords.to_le_bytes();
        let numdl = u16::from_le_bytes([l0, l1]);
        let numdu = u16::from_le_bytes([u0, u1]);
        Self {
            nsid,
            cdw10: LogCdw10::default().with_lid(lid.wire()).with_rae(rae).with_numdl(numdl),
            cdw11: LogCdw11::default().with_numdu(numdu),
            offset: range.offset,
            cdw14: LogCdw14::default(),
        }
    }

    /// The page asked for, `None` if it is not known here.
    #[must_use]
    pub const fn lid(&self) -> Option<LogId> {
        LogId::from_wire(self.cdw10.lid())
    }

    /// The part of the page asked for.
    #[must_use]
    pub fn range(&self) -> LogRange {
        let dwords = u64::from(self.cdw10.numdl()) | u64::from(self.cdw11.numdu()) << 16;
        LogRange { offset: self.offset, length: (dwords + 1) * 4 }
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use zerocopy::IntoBytes;

    #[test]
    fn command_golden() {
        let range = LogRange { offset: 0x0102_0304_0506_0708, length: 0x0001_0004 * 4 };
        let mut command = GetLogPage::new(LogId::Discovery, 0, range, true);
        command.cdw14 = LogCdw14::default().with_csi(2).with_uidx(1).with_ot(true);
        let mut sqe = Sqe::default();
        command.write_to(&mut sqe);
        assert_eq!(sqe.as_bytes()[0], 2);
        let golden = [0x70, 0x80, 3, 0, 1, 0, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1, 1, 0, 0x80, 2];
        assert_eq!(sqe.as_bytes()[40..60], golden);
        let read = GetLogPage::from_sqe(&sqe);
        assert_eq!((read, read.lid(), read.range()), (command, Some(LogId::Discovery), range));
    }

    #[test]
    fn length_spans_its_whole_range() {
        for length in [4, 8, 1 << 18, (1 << 18) + 4, 1 << 34] {
            let range = LogRange { offset: 0, length };
            assert_eq!(GetLogPage::new(LogId::Smart, 0, range, false).range(), range);
        }
    }

    #[test]
    fn a_range_is_cut_at_the_end_of_the_page() {
        let page = [1, 2, 3, 4, 5, 6, 7, 8];
        let part = |offset, length| LogRange { offset, length }.of(&page);
        assert_eq!(part(0, 4), Some(&page[..4]));
        assert_eq!(part(4, 4096), Some(&page[4..]));
        assert_eq!(part(8, 4), Some(&page[8..]));
        assert_eq!(part(9, 4), None);
        assert_eq!(part(u64::MAX, u64::MAX), None);
    }
}
