//! Which PDU may come when. Every pair is pinned by the picture in the test.

use crate::tcp::common_header::offset;
use crate::tcp::{PduError, PduType};

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Only ICResp may come.
    AwaitIcResp,
    /// Responses, data and R2Ts may come.
    Ready,
    /// Nothing is listened to any more.
    Terminated,
}

/// What to do with a PDU that may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Initialize,
    Response,
    Data,
    ReadyToTransfer,
    PeerTerminate,
}

/// The table. A type that controllers never send is an invalid header field, one that comes too early or too late
/// is out of sequence.
#[inline]
pub(super) const fn action(state: State, pdu_type: PduType) -> Result<Action, PduError> {
    match (state, pdu_type) {
        (State::Ready, PduType::C2hData) => Ok(Action::Data),
        (State::Ready, PduType::CapsuleResp) => Ok(Action::Response),
        (State::Ready, PduType::R2t) => Ok(Action::ReadyToTransfer),
        (State::AwaitIcResp, PduType::IcResp) => Ok(Action::Initialize),
        (_, PduType::C2hTermReq) => Ok(Action::PeerTerminate),
        (_, PduType::IcResp | PduType::CapsuleResp | PduType::C2hData | PduType::R2t) => {
            Err(PduError::SEQUENCE)
        }
        (_, PduType::IcReq | PduType::H2cTermReq | PduType::CapsuleCmd | PduType::H2cData) => {
            Err(PduError::field(offset::PDU_TYPE))
        }
    }
}

#[cfg(test)]
mod test {
    use super::*;

    /// `Terminated` swallows input before the table is asked.
    const PICTURE: &str = "\
AwaitIcResp IcReq        Invalid PDU Header Field 0
AwaitIcResp IcResp       Initialize
AwaitIcResp H2cTermReq   Invalid PDU Header Field 0
AwaitIcResp C2hTermReq   PeerTerminate
AwaitIcResp CapsuleCmd   Invalid PDU Header Field 0
AwaitIcResp CapsuleResp  PDU Sequence Error 0
AwaitIcResp H2cData      Invalid PDU Header Field 0
AwaitIcResp C2hData      PDU Sequence Error 0
AwaitIcResp R2t          PDU Sequence Error 0
Ready       IcReq        Invalid PDU Header Field 0
Ready       IcResp       PDU Sequence Error 0
Ready       H2cTermReq   Invalid PDU Header Field 0
Ready       C2hTermReq   PeerTerminate
Ready       CapsuleCmd   Invalid PDU Header Field 0
Ready       CapsuleResp  Response
Ready       H2cData      Invalid PDU Header Field 0
Ready       C2hData      Data
Ready       R2t          ReadyToTransfer
";

    #[test]
    fn every_state_and_pdu() {
        let mut picture = String::new();
        for state in [State::AwaitIcResp, State::Ready] {
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
