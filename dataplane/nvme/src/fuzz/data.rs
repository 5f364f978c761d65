//! Data structures that commands carry: Identify, log pages, features.

use super::{Target, structure};
use crate::feature::host_behavior::HostBehavior;
use crate::feature::timestamp::{Timestamp, TimestampAttributes};
use crate::identify::active_list::NamespaceList;
use crate::identify::command_set_ctrl::NvmIdentifyController;
use crate::identify::command_set_independent::IndependentNamespace;
use crate::identify::command_set_ns::NvmIdentifyNamespace;
use crate::identify::command_sets::CommandSets;
use crate::identify::controller::IdentifyController;
use crate::identify::controller_list::ControllerList;
use crate::identify::descriptors::{DescriptorList, NamespaceIdentifier};
use crate::identify::lba_format::LbaFormat;
use crate::identify::namespace::IdentifyNamespace;
use crate::log::discovery::{DiscoveryEntry, DiscoveryHeader};
use crate::log::effects::EffectsLog;
use crate::log::error::ErrorEntry;
use crate::log::feature_effects::FeatureEffectsLog;
use crate::log::firmware_slot::FirmwareSlotLog;
use crate::log::smart::SmartLog;
use crate::log::supported_logs::SupportedLogs;
use crate::log::{LogId, changed_ns};
use crate::nqn::{DISCOVERY_NQN, NqnField};
use crate::text::{ascii, set_ascii};
use zerocopy::IntoBytes;

pub(super) const TARGETS: &[Target] = &[
    Target { name: "identify_controller", run: identify_controller, golden: golden_controller },
    Target { name: "identify_namespace", run: identify_namespace, golden: golden_namespace },
    Target { name: "namespace_list", run: namespace_list, golden: golden_namespace_list },
    Target { name: "controller_list", run: controller_list, golden: golden_controller_list },
    Target { name: "descriptor_list", run: descriptor_list, golden: golden_descriptors },
    Target {
        name: "nvm_identify_namespace",
        run: nvm_identify_namespace,
        golden: zeroes::<NvmIdentifyNamespace>,
    },
    Target {
        name: "nvm_identify_controller",
        run: nvm_identify_controller,
        golden: zeroes::<NvmIdentifyController>,
    },
    Target {
        name: "independent_namespace",
        run: independent_namespace,
        golden: zeroes::<IndependentNamespace>,
    },
    Target {
        name: "command_sets",
        run: command_sets,
        golden: || CommandSets::nvm_only().as_bytes().to_vec(),
    },
    Target { name: "error_entry", run: error_entry, golden: zeroes::<ErrorEntry> },
    Target { name: "smart_log", run: smart_log, golden: zeroes::<SmartLog> },
    Target { name: "firmware_slot_log", run: firmware_slot_log, golden: golden_firmware_slot },
    Target { name: "effects_log", run: effects_log, golden: zeroes::<EffectsLog> },
    Target { name: "feature_effects_log", run: feature_effects_log, golden: zeroes::<FeatureEffectsLog> },
    Target { name: "supported_logs", run: supported_logs, golden: golden_supported_logs },
    Target { name: "discovery_header", run: discovery_header, golden: zeroes::<DiscoveryHeader> },
    Target { name: "discovery_entry", run: discovery_entry, golden: golden_discovery_entry },
    Target { name: "timestamp", run: timestamp, golden: golden_timestamp },
    Target { name: "host_behavior", run: host_behavior, golden: zeroes::<HostBehavior> },
];

fn zeroes<T: Default + IntoBytes + zerocopy::Immutable>() -> Vec<u8> {
    T::default().as_bytes().to_vec()
}

/// Identify Controller.
pub fn identify_controller(input: &[u8]) {
    let Some(mut data) = structure::<IdentifyController>(input) else { return };
    let _ = data.subnqn.name();
    let serial = ascii(&data.sn).map(str::to_owned);
    if let Some(serial) = serial.filter(|text| text.bytes().all(|byte| (0x20..0x7f).contains(&byte))) {
        set_ascii(&mut data.sn, &serial);
        assert_eq!(ascii(&data.sn), Some(serial.as_str()));
    }
}

/// Identify Namespace.
pub fn identify_namespace(input: &[u8]) {
    let Some(data) = structure::<IdentifyNamespace>(input) else { return };
    let Some(block_bytes) = data.format().and_then(LbaFormat::block_bytes) else { return };
    assert_eq!(LbaFormat::of_block_bytes(block_bytes).block_bytes(), Some(block_bytes));
}

/// Namespace List.
pub fn namespace_list(input: &[u8]) {
    let Some(list) = structure::<NamespaceList>(input) else { return };
    let namespaces: Vec<u32> = list.iter().collect();
    assert!(namespaces.iter().all(|&nsid| nsid != 0));
    assert!(NamespaceList::after(0, namespaces.iter().copied()).iter().eq(namespaces.iter().copied()));
    assert!(changed_ns::changed_namespaces(&namespaces).iter().eq(namespaces));
}

/// Controller List.
pub fn controller_list(input: &[u8]) {
    let Some(list) = structure::<ControllerList>(input) else { return };
    assert!(ControllerList::from_first(0, list.iter()).iter().eq(list.iter()));
}

/// Namespace Identification Descriptor list.
pub fn descriptor_list(input: &[u8]) {
    let Some(list) = structure::<DescriptorList>(input) else { return };
    let mut identifiers: Vec<NamespaceIdentifier> = Vec::new();
    for identifier in list.iter() {
        if identifiers.iter().all(|other| other.kind() != identifier.kind()) {
            identifiers.push(identifier);
        }
    }
    assert!(DescriptorList::new(&identifiers).iter().eq(identifiers));
}

/// I/O Command Set specific Identify Namespace, NVM Command Set.
pub fn nvm_identify_namespace(input: &[u8]) {
    let _ = structure::<NvmIdentifyNamespace>(input);
}

/// I/O Command Set specific Identify Controller, NVM Command Set.
pub fn nvm_identify_controller(input: &[u8]) {
    let _ = structure::<NvmIdentifyController>(input);
}

/// I/O Command Set Independent Identify Namespace.
pub fn independent_namespace(input: &[u8]) {
    let _ = structure::<IndependentNamespace>(input);
}

/// Identify I/O Command Set.
pub fn command_sets(input: &[u8]) {
    let _ = structure::<CommandSets>(input);
}

/// An entry of the Error Information log.
pub fn error_entry(input: &[u8]) {
    let _ = structure::<ErrorEntry>(input);
}

/// SMART / Health Information log.
pub fn smart_log(input: &[u8]) {
    let Some(page) = structure::<SmartLog>(input) else { return };
    let units = SmartLog::data_units(page.data_units_read.get()).get();
    assert!(units.saturating_mul(512_000) >= page.data_units_read.get());
}

/// Firmware Slot Information log.
pub fn firmware_slot_log(input: &[u8]) {
    let Some(page) = structure::<FirmwareSlotLog>(input) else { return };
    assert!(page.revisions.iter().filter_map(|revision| ascii(revision)).all(|text| text.len() <= 8));
}

/// Commands Supported and Effects log.
pub fn effects_log(input: &[u8]) {
    let _ = structure::<EffectsLog>(input);
}

/// Feature Identifiers Supported and Effects log.
pub fn feature_effects_log(input: &[u8]) {
    let _ = structure::<FeatureEffectsLog>(input);
}

/// Supported Log Pages log.
pub fn supported_logs(input: &[u8]) {
    let _ = structure::<SupportedLogs>(input);
}

/// Header of the Discovery log.
pub fn discovery_header(input: &[u8]) {
    let _ = structure::<DiscoveryHeader>(input);
}

/// Entry of the Discovery log.
pub fn discovery_entry(input: &[u8]) {
    let Some(entry) = structure::<DiscoveryEntry>(input) else { return };
    if let Ok(name) = entry.subnqn.name() {
        assert_eq!(NqnField::new(name).as_ref().map(NqnField::name), Ok(Ok(name)));
    }
    assert!(ascii(&entry.traddr).is_none_or(|address| !address.ends_with(' ')));
    assert!(ascii(&entry.trsvcid).is_none_or(|service| !service.ends_with(' ')));
}

/// Timestamp feature.
pub fn timestamp(input: &[u8]) {
    let Some(timestamp) = structure::<Timestamp>(input) else { return };
    let again = Timestamp::new(timestamp.milliseconds(), timestamp.attributes);
    assert_eq!(again.as_bytes()[..7], timestamp.as_bytes()[..7]);
}

/// Host Behavior Support feature.
pub fn host_behavior(input: &[u8]) {
    let _ = structure::<HostBehavior>(input);
}

fn discovery_name() -> NqnField {
    NqnField::new(DISCOVERY_NQN).expect("the name is short enough")
}

fn golden_controller() -> Vec<u8> {
    let mut data = IdentifyController { subnqn: discovery_name(), ..IdentifyController::default() };
    set_ascii(&mut data.sn, "SL0001");
    data.as_bytes().to_vec()
}

fn golden_namespace() -> Vec<u8> {
    let mut data = IdentifyNamespace::default();
    data.lbaf[0] = LbaFormat::of_block_bytes(4096);
    data.as_bytes().to_vec()
}

fn golden_namespace_list() -> Vec<u8> {
    NamespaceList::after(0, 1..=16).as_bytes().to_vec()
}

fn golden_controller_list() -> Vec<u8> {
    ControllerList::from_first(0, 1..=16).as_bytes().to_vec()
}

fn golden_descriptors() -> Vec<u8> {
    let identifiers = [NamespaceIdentifier::Uuid([7; 16]), NamespaceIdentifier::CommandSet(0)];
    DescriptorList::new(&identifiers).as_bytes().to_vec()
}

fn golden_firmware_slot() -> Vec<u8> {
    FirmwareSlotLog::single("0.1.0").as_bytes().to_vec()
}

fn golden_supported_logs() -> Vec<u8> {
    SupportedLogs::new(&[LogId::Smart, LogId::Discovery]).as_bytes().to_vec()
}

fn golden_discovery_entry() -> Vec<u8> {
    let mut entry = DiscoveryEntry { subnqn: discovery_name(), ..DiscoveryEntry::default() };
    set_ascii(&mut entry.traddr, "192.0.2.1");
    set_ascii(&mut entry.trsvcid, "4420");
    entry.as_bytes().to_vec()
}

fn golden_timestamp() -> Vec<u8> {
    Timestamp::new(1_700_000_000_000, TimestampAttributes::default().with_origin(1)).as_bytes().to_vec()
}
