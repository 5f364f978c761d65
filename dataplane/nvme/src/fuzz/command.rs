//! Commands with fields of their own: each view, written into a fresh entry, reads back the same.

use super::{Target, structure};
use crate::async_event::{AsyncEvent, NoticeEvent};
use crate::dsm::{DatasetManagement, DsmRange};
use crate::fabrics::connect::ConnectCommand;
use crate::fabrics::disconnect::DisconnectCommand;
use crate::fabrics::fabrics_type;
use crate::fabrics::property::PropertyCommand;
use crate::feature::number_of_queues::NumberOfQueues;
use crate::feature::{FeatureId, GetFeatures, Select, SetFeatures};
use crate::identify::{Cns, IdentifyCommand};
use crate::log::{GetLogPage, LogId, LogRange};
use crate::property::Property;
use crate::sqe::Sqe;
use zerocopy::IntoBytes;

pub(super) const TARGETS: &[Target] = &[
    Target { name: "identify_command", run: identify_command, golden: golden_identify },
    Target { name: "get_log_page", run: get_log_page, golden: golden_get_log_page },
    Target { name: "get_features", run: get_features, golden: golden_get_features },
    Target { name: "set_features", run: set_features, golden: golden_set_features },
    Target { name: "connect_command", run: connect_command, golden: golden_connect },
    Target { name: "property_command", run: property_command, golden: golden_property },
    Target { name: "disconnect_command", run: disconnect_command, golden: golden_disconnect },
    Target { name: "dataset_management", run: dataset_management, golden: golden_dsm },
    Target { name: "async_event", run: async_event, golden: golden_event },
];

/// Writes a view into a fresh entry.
fn written(write_to: impl FnOnce(&mut Sqe)) -> Sqe {
    let mut sqe = Sqe::default();
    write_to(&mut sqe);
    sqe
}

fn bytes(write_to: impl FnOnce(&mut Sqe)) -> Vec<u8> {
    written(write_to).as_bytes().to_vec()
}

/// Identify.
pub fn identify_command(input: &[u8]) {
    let Some(sqe) = structure::<Sqe>(input) else { return };
    let command = IdentifyCommand::from_sqe(&sqe);
    assert_eq!(IdentifyCommand::from_sqe(&written(|sqe| command.write_to(sqe))), command);
    assert!(command.cns().is_none_or(|cns| cns.wire() == command.cdw10.cns()));
    assert!(command.csi().is_none_or(|csi| csi.wire() == command.cdw11.csi()));
}

/// Get Log Page, its range laid over the rest of the input.
pub fn get_log_page(input: &[u8]) {
    let Some(sqe) = structure::<Sqe>(input) else { return };
    let command = GetLogPage::from_sqe(&sqe);
    assert_eq!(GetLogPage::from_sqe(&written(|sqe| command.write_to(sqe))), command);
    let range = command.range();
    assert!(range.length >= 4 && range.length <= 1 << 34 && range.length.is_multiple_of(4));
    let page = &input[size_of::<Sqe>()..];
    let part = range.of(page);
    assert_eq!(part.is_some(), range.offset <= page.len() as u64);
    assert!(part.is_none_or(|part| part.len() as u64 <= range.length));
    let lid = command.lid().unwrap_or(LogId::Discovery);
    assert_eq!(GetLogPage::new(lid, 0, range, command.cdw10.rae()).range(), range);
}

/// Get Features.
pub fn get_features(input: &[u8]) {
    let Some(sqe) = structure::<Sqe>(input) else { return };
    let command = GetFeatures::from_sqe(&sqe);
    assert_eq!(GetFeatures::from_sqe(&written(|sqe| command.write_to(sqe))), command);
    assert!(command.fid().is_none_or(|fid| fid.wire() == command.cdw10.fid()));
    assert!(command.select().is_none_or(|select| select.wire() == command.cdw10.sel()));
}

/// Set Features.
pub fn set_features(input: &[u8]) {
    let Some(sqe) = structure::<Sqe>(input) else { return };
    let command = SetFeatures::from_sqe(&sqe);
    assert_eq!(SetFeatures::from_sqe(&written(|sqe| command.write_to(sqe))), command);
    assert!((1..=0x1_0000).contains(&NumberOfQueues::from_bits(command.value).qpairs()));
}

/// Connect.
pub fn connect_command(input: &[u8]) {
    let Some(sqe) = structure::<Sqe>(input) else { return };
    let _ = fabrics_type(&sqe);
    let command = ConnectCommand::from_sqe(&sqe);
    assert_eq!(ConnectCommand::from_sqe(&written(|sqe| command.write_to(sqe))), command);
    assert!((1..=0x1_0000).contains(&command.entries()));
}

/// Property Get and Property Set.
pub fn property_command(input: &[u8]) {
    let Some(sqe) = structure::<Sqe>(input) else { return };
    let command = PropertyCommand::from_sqe(&sqe);
    assert_eq!(PropertyCommand::from_sqe(&written(|sqe| command.write_get_to(sqe))), command);
    assert_eq!(PropertyCommand::from_sqe(&written(|sqe| command.write_set_to(sqe))), command);
    if let Some(property) = command.property() {
        assert_eq!(
            (property.wire(), property.size_bytes() == 8),
            (command.offset, command.cdw10.size() == 1)
        );
    }
}

/// Disconnect.
pub fn disconnect_command(input: &[u8]) {
    let Some(sqe) = structure::<Sqe>(input) else { return };
    let command = DisconnectCommand::from_sqe(&sqe);
    assert_eq!(DisconnectCommand::from_sqe(&written(|sqe| command.write_to(sqe))), command);
}

/// Dataset Management, its ranges in the rest of the input.
pub fn dataset_management(input: &[u8]) {
    let Some(sqe) = structure::<Sqe>(input) else { return };
    let command = DatasetManagement::from_sqe(&sqe);
    assert_eq!(DatasetManagement::from_sqe(&written(|sqe| command.write_to(sqe))), command);
    let data = &input[size_of::<Sqe>()..];
    let ranges = command.ranges_in(data);
    assert_eq!(ranges.is_some(), data.len() as u64 >= u64::from(command.data_bytes()));
    assert!(ranges.is_none_or(|ranges| ranges.len() == command.ranges()));
}

/// Dword 0 of an Asynchronous Event Request's completion.
pub fn async_event(input: &[u8]) {
    let Some(event) = structure::<AsyncEvent>(input) else { return };
    assert!(event.kind().is_none_or(|kind| kind.wire() == event.event_type()));
    assert!(!format!("{event:?}").is_empty());
}

fn golden_identify() -> Vec<u8> {
    bytes(|sqe| IdentifyCommand::new(Cns::NamespaceDescriptors, 1).write_to(sqe))
}

fn golden_get_log_page() -> Vec<u8> {
    let range = LogRange { offset: 16, length: 64 };
    let mut input = bytes(|sqe| GetLogPage::new(LogId::Smart, 1, range, true).write_to(sqe));
    input.extend([0x5a; 64]);
    input
}

fn golden_get_features() -> Vec<u8> {
    bytes(|sqe| GetFeatures::new(FeatureId::KeepAliveTimer, Select::Current).write_to(sqe))
}

fn golden_set_features() -> Vec<u8> {
    let value = NumberOfQueues::pairs(4).bits();
    bytes(|sqe| SetFeatures::new(FeatureId::NumberOfQueues, value).write_to(sqe))
}

fn golden_connect() -> Vec<u8> {
    bytes(|sqe| ConnectCommand { kato_ms: 5000, ..ConnectCommand::default() }.write_to(sqe))
}

fn golden_property() -> Vec<u8> {
    bytes(|sqe| PropertyCommand::get(Property::Cap).write_get_to(sqe))
}

fn golden_disconnect() -> Vec<u8> {
    bytes(|sqe| DisconnectCommand::default().write_to(sqe))
}

fn golden_dsm() -> Vec<u8> {
    let mut input = bytes(|sqe| DatasetManagement::deallocate(2).write_to(sqe));
    input.extend([DsmRange::new(0, 8), DsmRange::new(64, 8)].as_bytes());
    input
}

fn golden_event() -> Vec<u8> {
    AsyncEvent::notice(NoticeEvent::NamespaceAttributeChanged).as_bytes().to_vec()
}
