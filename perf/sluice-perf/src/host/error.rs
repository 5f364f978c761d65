//! Why a connection cannot be made or was lost.

use std::io;

use sluice_nvme::status::Status;
use sluice_nvme::tcp::PduError;

/// A connection that cannot be made or was lost.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HostError {
    /// The name has no address.
    #[error("'{0}' has no address: give host:port")]
    NoAddress(String),
    /// The socket.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The target closed the connection.
    #[error("the target closed the connection")]
    Closed,
    /// No answer in time.
    #[error("no answer to {0} in time")]
    TimedOut(&'static str),
    /// The target found a fatal error in what was sent: a C2HTermReq.
    #[error("the target terminated the connection: fatal error status {fes:#x}, information {fei:#x}")]
    PeerTerminated {
        /// Fatal error status, NVMe/TCP "C2HTermReq".
        fes: u16,
        /// Fatal error information.
        fei: u32,
    },
    /// The target broke the protocol.
    #[error("the target broke the protocol: {0:?}")]
    Protocol(Option<PduError>),
    /// A command of the set-up failed.
    #[error("{command}: status {status}")]
    Refused {
        /// The command.
        command: &'static str,
        /// Its status.
        status: Status,
    },
    /// The answer to a command of the set-up is shorter than its structure.
    #[error("{0}: the answer is too short")]
    Short(&'static str),
    /// The NQN is no NQN.
    #[error("'{0}' is not an NQN of at most 223 bytes")]
    Nqn(String),
    /// The controller did not become ready.
    #[error("the controller did not become ready")]
    NotReady,
    /// The subsystem has no namespace, or not the one asked for.
    #[error("the subsystem has no such active namespace")]
    NoNamespace,
    /// The namespace has a format this host cannot use.
    #[error("the namespace has metadata or an unknown logical block format")]
    Format,
    /// The controller grants fewer I/O queues than the job has connections.
    #[error("the target grants {granted} I/O queues: use at most that many connections")]
    Queues {
        /// Queues granted.
        granted: u32,
    },
    /// Queues of the controller are shorter than the job's depth.
    #[error("the target's queues take {longest} commands: use at most that queue depth")]
    Depth {
        /// Most commands in one queue.
        longest: u32,
    },
}

impl HostError {
    /// Whether connecting again may help: the connection went away, neither end misbehaved.
    pub(crate) fn is_loss(&self) -> bool {
        matches!(self, Self::Io(_) | Self::Closed | Self::TimedOut(_))
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn a_broken_protocol_is_no_loss() {
        assert!(HostError::Closed.is_loss() && HostError::TimedOut("an I/O").is_loss());
        assert!(!HostError::Protocol(None).is_loss());
        assert!(!HostError::PeerTerminated { fes: 1, fei: 0 }.is_loss());
    }
}
