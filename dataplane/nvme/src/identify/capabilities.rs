//! Bit-fields of Identify Controller, NVMe Base 2.0 section 5.17.2.1, in the order of
//! [`super::controller::IdentifyController`]. Only bits this project has a use for are named; the others
//! are written zero, "not supported".

use crate::bits::bit_fields;

bit_fields! {
    /// CMIC: Controller Multi-Path I/O and Namespace Sharing Capabilities.
    pub struct Cmic(u8) {
        /// The NVM subsystem may have more than one port.
        multiple_ports, with_multiple_ports: bool = 0..1;
        /// The NVM subsystem may have more than one controller.
        multiple_controllers, with_multiple_controllers: bool = 1..2;
        /// The controller is an SR-IOV virtual function.
        virtual_function, with_virtual_function: bool = 2..3;
        /// Asymmetric Namespace Access reporting.
        ana, with_ana: bool = 3..4;
    }
}

bit_fields! {
    /// OAES: Optional Asynchronous Events Supported.
    pub struct Oaes(u32) {
        /// Namespace Attribute Notices.
        namespace_attribute, with_namespace_attribute: bool = 8..9;
        /// Firmware Activation Notices.
        firmware_activation, with_firmware_activation: bool = 9..10;
        /// Asymmetric Namespace Access Change Notices.
        ana_change, with_ana_change: bool = 11..12;
        /// Normal NVM Subsystem Shutdown event.
        normal_shutdown, with_normal_shutdown: bool = 15..16;
        /// Discovery Log Page Change Notification.
        discovery_change, with_discovery_change: bool = 31..32;
    }
}

bit_fields! {
    /// CTRATT: Controller Attributes.
    pub struct Ctratt(u32) {
        /// HIDS: 128-bit Host Identifier.
        hids, with_hids: bool = 0..1;
        /// TBKAS: Traffic Based Keep Alive.
        tbkas, with_tbkas: bool = 6..7;
        /// NG: Namespace Granularity.
        ng, with_ng: bool = 7..8;
        /// UUID List.
        uuid_list, with_uuid_list: bool = 9..10;
        /// MDS: Multi-Domain Subsystem.
        mds, with_mds: bool = 10..11;
        /// ELBAS: Extended LBA Formats.
        elbas, with_elbas: bool = 15..16;
    }
}

bit_fields! {
    /// OACS: Optional Admin Command Support.
    pub struct Oacs(u16) {
        /// Security Send and Receive.
        security, with_security: bool = 0..1;
        /// Format NVM.
        format, with_format: bool = 1..2;
        /// Firmware Commit and Download.
        firmware, with_firmware: bool = 2..3;
        /// Namespace Management and Attachment.
        namespace_management, with_namespace_management: bool = 3..4;
        /// Device Self-test.
        self_test, with_self_test: bool = 4..5;
        /// Directives.
        directives, with_directives: bool = 5..6;
        /// NVMe-MI Send and Receive.
        nvme_mi, with_nvme_mi: bool = 6..7;
        /// Virtualization Management.
        virtualization, with_virtualization: bool = 7..8;
        /// Doorbell Buffer Config.
        doorbell_buffer, with_doorbell_buffer: bool = 8..9;
        /// Get LBA Status.
        lba_status, with_lba_status: bool = 9..10;
        /// Command and Feature Lockdown.
        lockdown, with_lockdown: bool = 10..11;
    }
}

bit_fields! {
    /// FRMW: Firmware Updates.
    pub struct Frmw(u8) {
        /// The first slot is read only.
        slot1_read_only, with_slot1_read_only: bool = 0..1;
        /// Number of slots, 1 to 7.
        slots, with_slots: u8 = 1..4;
        /// Activation without a reset.
        activation_without_reset, with_activation_without_reset: bool = 4..5;
    }
}

bit_fields! {
    /// LPA: Log Page Attributes.
    pub struct Lpa(u8) {
        /// SMART log for single namespaces.
        smart_per_namespace, with_smart_per_namespace: bool = 0..1;
        /// Commands Supported and Effects log.
        effects, with_effects: bool = 1..2;
        /// Extended data for Get Log Page: 32-bit NUMD and the offset.
        extended_data, with_extended_data: bool = 2..3;
        /// Telemetry logs.
        telemetry, with_telemetry: bool = 3..4;
        /// Persistent Event log.
        persistent_event, with_persistent_event: bool = 4..5;
        /// MLPS: log pages 00h, 12h and 13h, and the scope (CSP) in 05h.
        supported_logs, with_supported_logs: bool = 5..6;
    }
}

bit_fields! {
    /// SANICAP: Sanitize Capabilities.
    pub struct Sanicap(u32) {
        /// Crypto Erase.
        crypto_erase, with_crypto_erase: bool = 0..1;
        /// Block Erase.
        block_erase, with_block_erase: bool = 1..2;
        /// Overwrite.
        overwrite, with_overwrite: bool = 2..3;
    }
}

bit_fields! {
    /// SQES and CQES: sizes of queue entries as powers of two.
    pub struct EntrySizes(u8) {
        /// Required, and smallest, size: 2^n bytes.
        required, with_required: u8 = 0..4;
        /// Largest size: 2^n bytes.
        maximum, with_maximum: u8 = 4..8;
    }
}

bit_fields! {
    /// ONCS: Optional NVM Command Support.
    pub struct Oncs(u16) {
        /// Compare.
        compare, with_compare: bool = 0..1;
        /// Write Uncorrectable.
        write_uncorrectable, with_write_uncorrectable: bool = 1..2;
        /// Dataset Management.
        dataset_management, with_dataset_management: bool = 2..3;
        /// Write Zeroes.
        write_zeroes, with_write_zeroes: bool = 3..4;
        /// Save field of Set Features and Select field of Get Features.
        save_select, with_save_select: bool = 4..5;
        /// Reservations.
        reservations, with_reservations: bool = 5..6;
        /// Timestamp feature.
        timestamp, with_timestamp: bool = 6..7;
        /// Verify.
        verify, with_verify: bool = 7..8;
        /// Copy.
        copy, with_copy: bool = 8..9;
    }
}

bit_fields! {
    /// FUSES: Fused Operation Support.
    pub struct Fuses(u16) {
        /// Compare and Write.
        compare_and_write, with_compare_and_write: bool = 0..1;
    }
}

bit_fields! {
    /// FNA: Format NVM Attributes.
    pub struct Fna(u8) {
        /// A format is one of all namespaces.
        format_all, with_format_all: bool = 0..1;
        /// A secure erase is one of all namespaces.
        erase_all, with_erase_all: bool = 1..2;
        /// Format NVM can erase cryptographically.
        cryptographic, with_cryptographic: bool = 2..3;
    }
}

bit_fields! {
    /// VWC: Volatile Write Cache.
    pub struct Vwc(u8) {
        /// A volatile write cache is present.
        present, with_present: bool = 0..1;
        /// Flush to NSID FFFFFFFFh: 2 not supported, 3 supported, 0 not indicated.
        flush_all, with_flush_all: u8 = 1..3;
    }
}

bit_fields! {
    /// SGLS: SGL Support.
    pub struct Sgls(u32) {
        /// SGLs supported: 1 without alignment, 2 dword-aligned.
        support, with_support: u8 = 0..2;
        /// Keyed SGL Data Block descriptor.
        keyed, with_keyed: bool = 2..3;
        /// SDT: recommended threshold of descriptors.
        sdt, with_sdt: u8 = 8..16;
        /// Bit Bucket descriptor.
        bit_bucket, with_bit_bucket: bool = 16..17;
        /// Larger SGL than data is accepted.
        larger, with_larger: bool = 18..19;
        /// SAOS: the address of a descriptor may be an offset, as in-capsule data need.
        offset, with_offset: bool = 20..21;
        /// Transport SGL Data Block descriptor.
        transport, with_transport: bool = 21..22;
    }
}

bit_fields! {
    /// FCATT: Fabrics Controller Attributes.
    pub struct Fcatt(u8) {
        /// The NVM subsystem uses the static controller model; 0 is the dynamic one.
        static_controllers, with_static_controllers: bool = 0..1;
    }
}

bit_fields! {
    /// OFCS: Optional Fabrics Commands Support.
    pub struct Ofcs(u16) {
        /// Disconnect.
        disconnect, with_disconnect: bool = 0..1;
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn golden() {
        assert_eq!(
            Oaes::default().with_namespace_attribute(true).with_discovery_change(true).bits(),
            0x8000_0100
        );
        assert_eq!(Ctratt::default().with_hids(true).with_tbkas(true).bits(), 0x41);
        assert_eq!(Frmw::default().with_slot1_read_only(true).with_slots(1).bits(), 3);
        assert_eq!(
            Lpa::default().with_effects(true).with_extended_data(true).with_supported_logs(true).bits(),
            0x26
        );
        assert_eq!(Sanicap::default().with_crypto_erase(true).with_overwrite(true).bits(), 5);
        assert_eq!(Fna::default().with_erase_all(true).with_cryptographic(true).bits(), 6);
        assert_eq!(EntrySizes::default().with_required(6).with_maximum(6).bits(), 0x66);
        assert_eq!(
            Oncs::default().with_compare(true).with_dataset_management(true).with_write_zeroes(true).bits(),
            0x0d
        );
        assert_eq!(Vwc::default().with_present(true).with_flush_all(3).bits(), 7);
        assert_eq!(
            Sgls::default().with_support(1).with_offset(true).with_transport(true).bits(),
            0x0030_0001
        );
    }
}
