//! Fatal errors of a connection, as TermReq reports them (NVMe/TCP section 3.5, figures of C2HTermReq and H2CTermReq).

use core::fmt;

/// Fatal Error Status. Value 05h is one word with two readings: the host exceeded a transfer limit, or the
/// controller exceeded the host's limit of R2Ts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Fes {
    /// 01h: a header field is invalid; FEI is its offset.
    InvalidPduHeaderField = 0x01,
    /// 02h: a PDU came that the state does not allow.
    PduSequenceError = 0x02,
    /// 03h: the header digest does not match; FEI is the digest received.
    HeaderDigestError = 0x03,
    /// 04h: DATAO, DATAL, R2TO or R2TL reach outside of what was asked for.
    DataTransferOutOfRange = 0x04,
    /// 05h: more data in a PDU than MAXH2CDATA, or more R2Ts than MAXR2T.
    LimitExceeded = 0x05,
    /// 06h: a parameter is valid but not supported; FEI is its offset.
    UnsupportedParameter = 0x06,
}

impl Fes {
    /// From the FES field; `None` for reserved values.
    #[must_use]
    pub const fn from_wire(value: u16) -> Option<Self> {
        Some(match value {
            0x01 => Self::InvalidPduHeaderField,
            0x02 => Self::PduSequenceError,
            0x03 => Self::HeaderDigestError,
            0x04 => Self::DataTransferOutOfRange,
            0x05 => Self::LimitExceeded,
            0x06 => Self::UnsupportedParameter,
            _ => return None,
        })
    }
}

impl fmt::Display for Fes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidPduHeaderField => "Invalid PDU Header Field",
            Self::PduSequenceError => "PDU Sequence Error",
            Self::HeaderDigestError => "Header Digest Error",
            Self::DataTransferOutOfRange => "Data Transfer Out of Range",
            Self::LimitExceeded => "Data Transfer or R2T Limit Exceeded",
            Self::UnsupportedParameter => "Unsupported Parameter",
        })
    }
}

/// What is wrong with a PDU: all that the answering TermReq needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{fes} (information {fei:#x})")]
pub struct PduError {
    /// The kind of error.
    pub fes: Fes,
    /// Fatal Error Information: an offset or a digest, by kind; 0 where reserved.
    pub fei: u32,
}

impl PduError {
    /// A PDU out of place.
    pub const SEQUENCE: Self = Self { fes: Fes::PduSequenceError, fei: 0 };
    /// A transfer outside of what was asked for.
    pub const OUT_OF_RANGE: Self = Self { fes: Fes::DataTransferOutOfRange, fei: 0 };
    /// A limit exceeded.
    pub const LIMIT: Self = Self { fes: Fes::LimitExceeded, fei: 0 };

    /// The header field at `offset` is invalid.
    #[must_use]
    pub const fn field(offset: u32) -> Self {
        Self { fes: Fes::InvalidPduHeaderField, fei: offset }
    }

    /// The parameter at `offset` is not supported.
    #[must_use]
    pub const fn unsupported(offset: u32) -> Self {
        Self { fes: Fes::UnsupportedParameter, fei: offset }
    }

    /// The header digest `received` is not that of the header.
    #[must_use]
    pub const fn header_digest(received: u32) -> Self {
        Self { fes: Fes::HeaderDigestError, fei: received }
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn statuses_round_trip_and_the_rest_is_reserved() {
        let known: Vec<_> = (0..=u16::MAX).filter_map(Fes::from_wire).map(|fes| fes as u16).collect();
        assert_eq!(known, [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn says_what_is_wrong() {
        assert_eq!(PduError::field(4).to_string(), "Invalid PDU Header Field (information 0x4)");
    }
}
