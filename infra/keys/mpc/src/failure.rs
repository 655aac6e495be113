//! How a run ends without a result: by a mistake of the caller's, or by an abort that may name who caused it.

use dkls23_secp256k1::protocols::{Abort, AbortKind, AbortReason, PartyIndex};
use pyo3::exceptions::{PyException, PyValueError};
use pyo3::{PyErr, create_exception};

create_exception!(
    proofdesk_mpc,
    Aborted,
    PyException,
    "(reason, banned, blamed, unfit): the run is over, and what is known of why."
);

/// Why a call gave nothing.
#[derive(Debug)]
pub enum Failure {
    /// The caller's own mistake; the session is as it was.
    Misuse(String),
    /// The run is over.
    Aborted {
        /// In words, without anything secret.
        reason: String,
        /// Whom nobody may run anything with again: each further run would leak some of the share.
        banned: Option<u8>,
        /// Whose message it was.
        blamed: Option<u8>,
        /// The two shares are of different keys or epochs, or of different sessions.
        unfit: bool,
    },
}

impl Failure {
    /// `party` said something that cannot be read.
    pub fn unreadable(party: u8) -> Self {
        Self::Aborted {
            reason: format!("unreadable message from party {party}"),
            banned: None,
            blamed: Some(party),
            unfit: false,
        }
    }

    /// `party` said something that is not for this place in this run.
    pub fn misplaced(party: u8) -> Self {
        Self::Aborted {
            reason: format!("party {party} sent a message of somebody else's"),
            banned: None,
            blamed: Some(party),
            unfit: false,
        }
    }
}

impl From<Abort> for Failure {
    fn from(abort: Abort) -> Self {
        let banned = match abort.kind {
            AbortKind::BanCounterparty(party) => Some(party.as_u8()),
            AbortKind::Recoverable => None,
        };
        let unfit = matches!(
            abort.reason,
            AbortReason::SessionBindingMismatch { .. }
                | AbortReason::MissingMulState { .. }
                | AbortReason::InvalidLocalState { .. }
        );
        let blamed = banned.or_else(|| counterparty(&abort.reason).map(|party| party.as_u8()));
        Self::Aborted {
            reason: abort.description(),
            banned,
            blamed: blamed.filter(|party| *party != abort.index.as_u8()),
            unfit,
        }
    }
}

impl From<Failure> for PyErr {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Misuse(problem) => PyValueError::new_err(problem),
            Failure::Aborted { reason, banned, blamed, unfit } => Aborted::new_err((reason, banned, blamed, unfit)),
        }
    }
}

fn counterparty(reason: &AbortReason) -> Option<PartyIndex> {
    match reason {
        AbortReason::SessionBindingMismatch { counterparty }
        | AbortReason::ProofVerificationFailed { counterparty }
        | AbortReason::CommitmentMismatch { counterparty }
        | AbortReason::TrivialInstancePoint { counterparty }
        | AbortReason::OtConsistencyCheckFailed { counterparty }
        | AbortReason::MultiplicationVerificationFailed { counterparty, .. }
        | AbortReason::GammaUInconsistency { counterparty }
        | AbortReason::ZeroShareDecommitFailed { counterparty } => Some(*counterparty),
        AbortReason::ChainCodeCommitmentFailed { party } | AbortReason::MissingMessageFromParty { party } => Some(*party),
        _ => None,
    }
}
