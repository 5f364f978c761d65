//! Which PDU may come when. Every pair is pinned by the picture in the test.

use crate::tcp::common_header::offset;
use crate::tcp::{PduError, PduType};

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Only ICReq may come.
    AwaitIcReq,
    /// Commands and their data may come.
    Ready,
    /// Nothing is listened to any more.
    Terminated,
}

/// What to do with a PDU that may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Initialize,
    Command,
    Data,
    PeerTerminate,
}

/// The table. A type that hosts never send is an invalid header field, one that comes too early or too late is
/// out of sequence.
#[inline]
pub(super) const fn action(state: State, pdu_type: PduType) -> Result<Action, PduError> {
    match (state, pdu_type) {
        (State::Ready, PduType::CapsuleCmd) => Ok(Action::Command),
        (State::Ready, PduType::H2cData) => Ok(Action::Data),
        (State::AwaitIcReq, PduType::IcReq) => Ok(Action::Initialize),
        (_, PduType::H2cTermReq) => Ok(Action::PeerTerminate),
        (_, PduType::IcReq | PduType::CapsuleCmd | PduType::H2cData) => Err(PduError::SEQUENCE),
        (_, PduType::IcResp | PduType::C2hTermReq | PduType::CapsuleResp) => Err(UNEXPECTED),
        (_, PduType::C2hData | PduType::R2t) => Err(UNEXPECTED),
    }
}

const UNEXPECTED: PduError = PduError::field(offset::PDU_TYPE);

#[cfg(test)]
mod test {
    use super::*;

    /// `Terminated` swallows input before the table is asked.
    const PICTURE: &str = "\
AwaitIcReq  IcReq        Initialize
AwaitIcReq  IcResp       Invalid PDU Header Field 0
AwaitIcReq  H2cTermReq   PeerTerminate
AwaitIcReq  C2hTermReq   Invalid PDU Header Field 0
AwaitIcReq  CapsuleCmd   PDU Sequence Error 0
AwaitIcReq  CapsuleResp  Invalid PDU Header Field 0
AwaitIcReq  H2cData      PDU Sequence Error 0
AwaitIcReq  C2hData      Invalid PDU Header Field 0
AwaitIcReq  R2t          Invalid PDU Header Field 0
Ready       IcReq        PDU Sequence Error 0
Ready       IcResp       Invalid PDU Header Field 0
Ready       H2cTermReq   PeerTerminate
Ready       C2hTermReq   Invalid PDU Header Field 0
Ready       CapsuleCmd   Command
Ready       CapsuleResp  Invalid PDU Header Field 0
Ready       H2cData      Data
Ready       C2hData      Invalid PDU Header Field 0
Ready       R2t          Invalid PDU Header Field 0
";

    #[test]
    fn every_state_and_pdu() {
        let mut picture = String::new();
        for state in [State::AwaitIcReq, State::Ready] {
            for pdu_type in PduType::ALL {
                let outcome = match action(state, pdu_type) {
                    Ok(action) => format!("{action:?}"),
                    Err(error) => format!("{} {}", error.fes, error.fei),
                };
                let (state, pdu_type) = (format!("{state:?}"), format!("{pdu_type:?}"));
                picture.push_str(&format!("{state:<11} {pdu_type:<12} {outcome}\n"));
            }
        }
        assert_eq!(picture, PICTURE);
    }
}
