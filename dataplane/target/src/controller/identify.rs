//! Identify: what a host learns of controller and namespace (NVMe Base section 5.17).

use super::properties::VERSION;
use super::{Controller, KAS, Personality, View};
use crate::config::{ASYNC_EVENT_REQUESTS, ERROR_LOG_ENTRIES};
use crate::nqn;
use crate::plan::{NSID, NSID_ALL};
use crate::subsystem::NamespaceInfo;
use sluice_nvme::identify::IdentifyCommand;
use sluice_nvme::identify::active_list::NamespaceList;
use sluice_nvme::identify::capabilities::{Cmic, Ctratt, EntrySizes, Frmw, Lpa, Oaes, Ofcs, Oncs, Sgls, Vwc};
use sluice_nvme::identify::command_set_ctrl::NvmIdentifyController;
use sluice_nvme::identify::command_set_independent::IndependentNamespace;
use sluice_nvme::identify::command_set_ns::NvmIdentifyNamespace;
use sluice_nvme::identify::command_sets::CommandSets;
use sluice_nvme::identify::controller::{ControllerType, DiscoveryControllerType, IdentifyController};
use sluice_nvme::identify::controller_list::ControllerList;
use sluice_nvme::identify::descriptors::{DescriptorList, NamespaceIdentifier};
use sluice_nvme::identify::lba_format::LbaFormat;
use sluice_nvme::identify::namespace::{Dlfeat, IdentifyNamespace, Nmic};
use sluice_nvme::identify::{Cns, CommandSet};
use sluice_nvme::nqn::NqnField;
use sluice_nvme::status::Status;
use sluice_nvme::text::set_ascii;
use uuid::Uuid;
use zerocopy::IntoBytes;
use zerocopy::little_endian::{U16, U32, U64, U128};

/// Model number of every controller.
pub(crate) const MODEL: &str = "Sluice";
/// Firmware revision: the daemon's version.
pub(super) const REVISION: &str = env!("CARGO_PKG_VERSION");

/// The serial number of a volume's controllers: as much of the UUID as fits, so that hosts' by-id names differ.
pub(crate) fn serial_of(uuid: &Uuid) -> String {
    uuid.simple().to_string().chars().take(20).collect()
}

impl Controller {
    /// The 4096 bytes that Identify returns.
    pub(super) fn identify(&self, command: &IdentifyCommand, view: &View<'_>) -> Result<Vec<u8>, Status> {
        let cns = command.cns().ok_or(Status::INVALID_FIELD.dnr())?;
        if cns == Cns::Controller {
            return Ok(self.identify_controller(view).as_bytes().to_vec());
        }
        if self.personality == Personality::Discovery {
            return Err(Status::INVALID_FIELD.dnr());
        }
        match cns {
            Cns::ActiveNamespaceList => active_list(command, view),
            Cns::CommandSets => Ok(CommandSets::nvm_only().as_bytes().to_vec()),
            Cns::ControllerList | Cns::NamespaceControllerList => {
                Ok(ControllerList::from_first(command.cdw10.cntid(), [self.cntlid]).as_bytes().to_vec())
            }
            Cns::CommandSetActiveNamespaceList => nvm(command).and_then(|()| active_list(command, view)),
            Cns::CommandSetController => nvm(command).map(|()| command_set_controller(view)),
            Cns::Namespace
            | Cns::NamespaceDescriptors
            | Cns::CommandSetNamespace
            | Cns::IndependentNamespace => namespace_page(cns, command, view),
            _ => Err(Status::INVALID_FIELD.dnr()),
        }
    }

    fn identify_controller(&self, view: &View<'_>) -> IdentifyController {
        let pages = view.limits.max_transfer_bytes / 4096;
        let mut data = IdentifyController {
            cntlid: U16::new(self.cntlid),
            mdts: u8::try_from(pages.trailing_zeros()).unwrap_or(0),
            ver: VERSION,
            ctratt: Ctratt::default().with_hids(true).with_tbkas(true),
            aerl: u8::try_from(ASYNC_EVENT_REQUESTS - 1).unwrap_or(0),
            elpe: u8::try_from(ERROR_LOG_ENTRIES - 1).unwrap_or(0),
            kas: U16::new(KAS),
            acl: 3,
            frmw: Frmw::default().with_slot1_read_only(true).with_slots(1),
            maxcmd: U16::new(view.limits.queue_entries),
            sgls: Sgls::default().with_support(1).with_offset(true).with_transport(true),
            subnqn: NqnField::new(view.subsystem_nqn).unwrap_or(NqnField::EMPTY),
            iorcsz: U32::new(1),
            msdbd: 1,
            ..IdentifyController::default()
        };
        set_ascii(&mut data.mn, MODEL);
        set_ascii(&mut data.fr, REVISION);
        match self.personality {
            Personality::Volume => volume_controller(&mut data, view),
            Personality::Discovery => discovery_controller(&mut data),
        }
        data
    }
}

fn volume_controller(data: &mut IdentifyController, view: &View<'_>) {
    let (uuid, namespace) = view.volume.unzip();
    let size_bytes = namespace.map_or(0, |ns| u128::from(ns.blocks) << ns.block_shift);
    set_ascii(&mut data.sn, &uuid.map(|uuid| serial_of(&uuid)).unwrap_or_default());
    data.cntrltype = ControllerType::Io.wire();
    // Several hosts, and several paths of one host, have a controller each.
    data.cmic = Cmic::default().with_multiple_controllers(true);
    data.oaes = Oaes::default().with_namespace_attribute(true);
    data.lpa = Lpa::default().with_effects(true).with_extended_data(true);
    data.tnvmcap = U128::new(size_bytes);
    data.sqes = EntrySizes::default().with_required(6).with_maximum(6);
    data.cqes = EntrySizes::default().with_required(4).with_maximum(4);
    data.nn = U32::new(NSID);
    data.mnan = U32::new(1);
    let deallocates = namespace.is_some_and(|ns| ns.deallocate_blocks > 0);
    let zeroes = namespace.is_some_and(|ns| ns.write_zeroes_blocks > 0);
    data.oncs = Oncs::default()
        .with_compare(true)
        .with_dataset_management(deallocates)
        .with_write_zeroes(zeroes)
        .with_save_select(true);
    let cached = namespace.is_some_and(|ns| ns.volatile_write_cache);
    data.vwc = Vwc::default().with_present(cached).with_flush_all(3);
    data.ioccsz = U32::new((64 + view.limits.in_capsule_bytes) / 16);
    data.ofcs = Ofcs::default().with_disconnect(true);
}

fn discovery_controller(data: &mut IdentifyController) {
    data.cntrltype = ControllerType::Discovery.wire();
    data.dctype = DiscoveryControllerType::Direct.wire();
    data.oaes = Oaes::default().with_discovery_change(true);
    data.lpa = Lpa::default().with_extended_data(true);
    data.ioccsz = U32::new(4);
}

/// Only the NVM Command Set is served.
fn nvm(command: &IdentifyCommand) -> Result<(), Status> {
    match command.csi() {
        Some(CommandSet::Nvm) => Ok(()),
        _ => Err(Status::INVALID_FIELD.dnr()),
    }
}

fn active_list(command: &IdentifyCommand, view: &View<'_>) -> Result<Vec<u8>, Status> {
    // No list can begin behind the last two identifiers.
    if command.nsid >= NSID_ALL - 1 {
        return Err(Status::INVALID_NAMESPACE.dnr());
    }
    Ok(NamespaceList::after(command.nsid, view.volume.map(|_| NSID)).as_bytes().to_vec())
}

fn namespace_page(cns: Cns, command: &IdentifyCommand, view: &View<'_>) -> Result<Vec<u8>, Status> {
    if cns == Cns::CommandSetNamespace {
        nvm(command)?;
    }
    let common = cns == Cns::Namespace && command.nsid == NSID_ALL;
    if command.nsid != NSID && !common {
        return Err(Status::INVALID_NAMESPACE.dnr());
    }
    // A valid identifier without a namespace reads as zeroes (NVMe Base section 5.17.2.1).
    let Some((uuid, namespace)) = view.volume else { return Ok(vec![0; 4096]) };
    Ok(match cns {
        Cns::Namespace => identify_namespace(&uuid, &namespace).as_bytes().to_vec(),
        Cns::NamespaceDescriptors => DescriptorList::new(&[
            NamespaceIdentifier::Uuid(*uuid.as_bytes()),
            NamespaceIdentifier::Nguid(nqn::nguid(&uuid)),
            NamespaceIdentifier::CommandSet(CommandSet::Nvm.wire()),
        ])
        .as_bytes()
        .to_vec(),
        Cns::CommandSetNamespace => NvmIdentifyNamespace::default().as_bytes().to_vec(),
        _ => independent_namespace().as_bytes().to_vec(),
    })
}

fn identify_namespace(uuid: &Uuid, namespace: &NamespaceInfo) -> IdentifyNamespace {
    let blocks = U64::new(namespace.blocks);
    let mut data = IdentifyNamespace {
        nsze: blocks,
        ncap: blocks,
        nuse: blocks,
        nmic: Nmic::default().with_shared(true),
        dlfeat: Dlfeat::default()
            .with_read(u8::from(namespace.deallocate_reads_zeroes))
            .with_write_zeroes_deallocates(true),
        nvmcap: U128::new(u128::from(namespace.blocks) << namespace.block_shift),
        nguid: nqn::nguid(uuid),
        ..IdentifyNamespace::default()
    };
    let shift = u8::try_from(namespace.block_shift).unwrap_or(12);
    data.lbaf[0] = LbaFormat::default().with_lbads(shift);
    data
}

fn independent_namespace() -> IndependentNamespace {
    use sluice_nvme::identify::command_set_independent::Nstat;
    IndependentNamespace {
        nmic: Nmic::default().with_shared(true),
        nstat: Nstat::default().with_nrdy(true),
        ..IndependentNamespace::default()
    }
}

/// How large Write Zeroes and Dataset Management may be. Longer ones are carried out in pieces, so the
/// fields' own limits are all there are: 65536 blocks, as a power of two of 4 KiB pages.
fn command_set_controller(view: &View<'_>) -> Vec<u8> {
    let shift = view.volume.map_or(12, |(_, namespace)| namespace.block_shift);
    let wzsl = u8::try_from(16 + shift - 12).unwrap_or(0);
    NvmIdentifyController { wzsl, ..NvmIdentifyController::default() }.as_bytes().to_vec()
}
