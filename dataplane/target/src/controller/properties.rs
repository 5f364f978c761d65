//! The properties of a controller over Fabrics (NVMe Base section 3.1.3).

use crate::config::Limits;
use sluice_nvme::fabrics::property::PropertyCommand;
use sluice_nvme::property::{
    Cap, ControllerConfiguration, ControllerStatus, Property, ReadyTimeouts, ShutdownNotification,
    ShutdownStatus, Version,
};
use sluice_nvme::status::Status;

/// The version of the base specification that controllers follow.
pub(super) const VERSION: Version = Version::V2_0;
/// Worst time for CSTS.RDY to follow CC.EN, in 500 ms units. It follows at once; hosts wait at most so long.
const READY_TIMEOUT: u8 = 20;

/// What a Property Set means for the owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    None,
    /// The controller was reset: its I/O queues are gone.
    Reset,
}

/// CAP, CC and CSTS.
#[derive(Debug)]
pub(super) struct Properties {
    cap: Cap,
    cc: ControllerConfiguration,
    csts: ControllerStatus,
}

impl Properties {
    pub(super) fn new(limits: &Limits) -> Self {
        let cap = Cap::default()
            .with_mqes(limits.queue_entries - 1)
            .with_cqr(true)
            .with_to(READY_TIMEOUT)
            .with_css_nvm(true)
            .with_crwms(true);
        Self { cap, cc: ControllerConfiguration::default(), csts: ControllerStatus::default() }
    }

    pub(super) fn is_ready(&self) -> bool {
        self.csts.rdy() && self.csts.shst() == ShutdownStatus::Normal.wire()
    }

    /// Property Get. A property that does not exist is refused without Do Not Retry: nvme-cli 2's `show-regs` asks for
    /// all there may be, and takes any other status for the end.
    pub(super) fn get(&self, command: &PropertyCommand) -> Result<u64, Status> {
        match command.property().ok_or(Status::INVALID_FIELD)? {
            Property::Cap => Ok(self.cap.bits()),
            Property::Vs => Ok(VERSION.bits().into()),
            Property::Cc => Ok(self.cc.bits().into()),
            Property::Csts => Ok(self.csts.bits().into()),
            Property::Crto => Ok(ReadyTimeouts::default().with_crwmt(READY_TIMEOUT.into()).bits().into()),
            Property::Nssr => Err(Status::INVALID_FIELD),
        }
    }

    /// Property Set: only CC can be written.
    pub(super) fn set(&mut self, command: &PropertyCommand) -> Result<Change, Status> {
        let (Some(Property::Cc), Ok(bits)) = (command.property(), u32::try_from(command.value)) else {
            return Err(Status::INVALID_FIELD.dnr());
        };
        let next = ControllerConfiguration::from_bits(bits);
        if next.en() && !self.cc.en() {
            check_enable(next)?;
        }
        let was_enabled = self.cc.en();
        self.cc = next;
        if next.en() && !was_enabled {
            self.csts = ControllerStatus::default().with_rdy(true);
        } else if !next.en() && was_enabled {
            self.csts = ControllerStatus::default();
            self.note_shutdown();
            return Ok(Change::Reset);
        }
        self.note_shutdown();
        Ok(Change::None)
    }

    /// A shutdown is complete as soon as it is asked for: nothing is cached here that a host must wait for.
    fn note_shutdown(&mut self) {
        let asked = ShutdownNotification::from_wire(self.cc.shn());
        if asked.is_some_and(|notification| notification != ShutdownNotification::None) {
            self.csts = self.csts.with_shst(ShutdownStatus::Complete.wire());
        }
    }
}

/// The sizes and command set a host may choose: those of CAP.
fn check_enable(cc: ControllerConfiguration) -> Result<(), Status> {
    let sizes = (cc.iosqes(), cc.iocqes());
    // Zero: a discovery host never says; 6 and 4: 64 and 16 bytes.
    let sizes_fit = sizes == (6, 4) || sizes == (0, 0);
    if sizes_fit && cc.css() == 0 && cc.mps() == 0 && cc.ams() == 0 {
        Ok(())
    } else {
        Err(Status::INVALID_FIELD.dnr())
    }
}

#[cfg(test)]
mod test {
    use super::*;

    fn set(properties: &mut Properties, cc: u64) -> Result<Change, Status> {
        properties.set(&PropertyCommand::set(Property::Cc, cc))
    }

    fn get(properties: &Properties, property: Property) -> u64 {
        properties.get(&PropertyCommand::get(property)).unwrap()
    }

    #[test]
    fn enable_shut_down_reset() {
        let mut properties = Properties::new(&Limits::default());
        assert!(!properties.is_ready());
        assert_eq!(set(&mut properties, 0x0046_0001), Ok(Change::None));
        assert!(properties.is_ready());
        assert_eq!(get(&properties, Property::Csts), 1);
        assert_eq!(set(&mut properties, 0x0046_4001), Ok(Change::None));
        assert!(!properties.is_ready());
        assert_eq!(get(&properties, Property::Csts), 0x9);
        assert_eq!(set(&mut properties, 0x0046_0000), Ok(Change::Reset));
        assert_eq!(get(&properties, Property::Csts), 0);
    }

    #[test]
    fn what_cannot_be_chosen_is_refused() {
        let mut properties = Properties::new(&Limits::default());
        for cc in [0x0047_0001, 0x0056_0001, 0x0046_0011, 0x0046_0081, 0x0046_0801, 1 << 32] {
            assert_eq!(set(&mut properties, cc), Err(Status::INVALID_FIELD.dnr()), "{cc:#x}");
        }
        let vs = PropertyCommand::set(Property::Vs, 0);
        assert_eq!(properties.set(&vs), Err(Status::INVALID_FIELD.dnr()));
    }

    #[test]
    fn capabilities_tell_the_queue_size() {
        let limits = Limits { queue_entries: 64, ..Limits::default() };
        let cap = Cap::from_bits(get(&Properties::new(&limits), Property::Cap));
        assert_eq!((cap.mqes(), cap.cqr(), cap.css_nvm(), cap.mpsmin()), (63, true, true, 0));
        assert_eq!(get(&Properties::new(&limits), Property::Vs), 0x2_0000);
    }
}
