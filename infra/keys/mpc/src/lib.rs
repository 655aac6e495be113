//! DKLs23 threshold ECDSA (ePrint 2023/765) as sessions of bytes in and bytes out, for `infra.keys.threshold`.
//!
//! Decides that shares stay here: Python holds handles, sees a share sealed or not at all, and carries messages that it
//! cannot read. Each session is one party's side of one run, in rounds; it moves on when exactly the messages that it waits
//! for are there, and ends for good at the first thing that is wrong. Leaves out transport, who may take part, and what is
//! signed.
//!
//! The protocol is `dkls23-core` 0.6.2. No public audit of it is known.

mod failure;
mod keygen;
mod refresh;
mod renewal;
mod session;
mod share;
mod signing;
mod wire;

use pyo3::prelude::*;

use failure::Failure;
use session::Session;
use share::Share;

/// Party `party`'s side of making a key that `threshold` of `parties` will sign with.
#[pyfunction]
#[pyo3(name = "keygen")]
fn key_generation(session_id: &[u8], threshold: u8, parties: u8, party: u8) -> PyResult<Session> {
    Ok(Session::of(keygen::Generating::new(session_id, threshold, parties, party)?))
}

/// A cosigner's side of signing `digest` together with `counterparties`.
#[pyfunction]
#[pyo3(name = "signing")]
fn signature(share: &Share, session_id: &[u8], counterparties: Vec<u8>, digest: &[u8]) -> PyResult<Session> {
    let length = digest.len();
    let digest = digest.try_into().map_err(|_| Failure::Misuse(format!("a digest has 32 bytes, this has {length}")))?;
    Ok(Session::of(signing::Signature::new(share.party.clone(), session_id, &counterparties, digest)?))
}

/// A cosigner's side of making new shares of the same key; `complete`: also of everything that was agreed with the others.
#[pyfunction]
#[pyo3(name = "refresh", signature = (share, session_id, complete = false))]
fn refreshment(share: &Share, session_id: &[u8], complete: bool) -> Session {
    if complete {
        Session::of(renewal::Renewing::new(share.party.clone(), session_id))
    } else {
        Session::of(refresh::Refreshing::new(share.party.clone(), session_id))
    }
}

/// Threshold ECDSA on secp256k1: shares and sessions.
#[pymodule]
fn proofdesk_mpc(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("Aborted", module.py().get_type::<failure::Aborted>())?;
    module.add_class::<Share>()?;
    module.add_class::<Session>()?;
    module.add_function(wrap_pyfunction!(key_generation, module)?)?;
    module.add_function(wrap_pyfunction!(signature, module)?)?;
    module.add_function(wrap_pyfunction!(refreshment, module)?)
}
