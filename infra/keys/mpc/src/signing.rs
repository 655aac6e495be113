//! Signing, three rounds: oblivious transfers and commitments; products and openings; the two halves of the quotient.

use std::collections::BTreeMap;
use std::sync::Arc;

use dkls23_secp256k1::Party;
use dkls23_secp256k1::protocols::PartyIndex;
use dkls23_secp256k1::protocols::signature::EcdsaSignature;
use dkls23_secp256k1::protocols::signing::{
    Broadcast3to4, KeepPhase1to2, KeepPhase2to3, SignData, TransmitPhase1to2, TransmitPhase2to3, UniqueKeep1to2, UniqueKeep2to3,
};
use k256::Secp256k1;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::failure::Failure;
use crate::session::{Run, Step, Told, Ways, index};
use crate::wire::{self, Heard, Kind, Outgoing, SIGNING};

enum Kept {
    Nothing,
    Transferred(UniqueKeep1to2<Secp256k1>, BTreeMap<PartyIndex, KeepPhase1to2<Secp256k1>>),
    Multiplied(UniqueKeep2to3<Secp256k1>, BTreeMap<PartyIndex, KeepPhase2to3<Secp256k1>>),
    Halved(String, Broadcast3to4<Secp256k1>),
}

/// One cosigner's side of one signature.
pub struct Signature {
    party: Arc<Party>,
    task: SignData,
    kept: Kept,
}

const fn round(round: u8) -> Kind {
    Kind { protocol: SIGNING, round }
}

impl Signature {
    /// Sign `digest` with `counterparties`: exactly as many as make up the threshold with this one.
    pub fn new(party: Arc<Party>, session_id: &[u8], counterparties: &[u8], digest: [u8; 32]) -> Result<Self, Failure> {
        let wanted = usize::from(party.parameters.threshold) - 1;
        let mut distinct =
            counterparties.iter().map(|other| index(*other, party.parameters.share_count)).collect::<Result<Vec<_>, _>>()?;
        distinct.sort_unstable();
        distinct.dedup();
        if distinct.len() != counterparties.len() || distinct.len() != wanted || distinct.contains(&party.party_index) {
            return Err(Failure::Misuse(format!("exactly {wanted} others sign with this share, each once")));
        }
        let task = SignData { sign_id: session_id.to_vec(), counterparties: distinct, message_hash: digest };
        Ok(Self { party, task, kept: Kept::Nothing })
    }

    fn multiply(&mut self, heard: &Heard) -> Result<Vec<Outgoing>, Failure> {
        let received: BTreeMap<u8, TransmitPhase1to2> = wire::read(round(1), &heard.direct)?;
        for (sender, message) in &received {
            wire::addressed(&message.parties, *sender, self.party.party_index)?;
        }
        let Kept::Transferred(unique, kept) = std::mem::replace(&mut self.kept, Kept::Nothing) else {
            return Err(Failure::Misuse("it has not started".into()));
        };
        let received: Vec<_> = received.into_values().collect();
        let (unique, kept, messages) = self.party.sign_phase2(&self.task, unique, kept, &received)?;
        self.kept = Kept::Multiplied(unique, kept);
        Ok(messages.iter().map(|message| wire::outgoing(round(2), Some(message.parties.receiver.as_u8()), message)).collect())
    }

    fn halve(&mut self, heard: &Heard) -> Result<Vec<Outgoing>, Failure> {
        let received: BTreeMap<u8, TransmitPhase2to3<Secp256k1>> = wire::read(round(2), &heard.direct)?;
        for (sender, message) in &received {
            wire::addressed(&message.parties, *sender, self.party.party_index)?;
        }
        let Kept::Multiplied(unique, kept) = std::mem::replace(&mut self.kept, Kept::Nothing) else {
            return Err(Failure::Misuse("it has not started".into()));
        };
        let received: Vec<_> = received.into_values().collect();
        let (r, halves) = self.party.sign_phase3(&self.task, unique, kept, &received)?;
        let message = wire::outgoing(round(3), None, &halves);
        self.kept = Kept::Halved(r, halves);
        Ok(vec![message])
    }

    fn finish(self, heard: &Heard) -> Result<EcdsaSignature, Failure> {
        let received: BTreeMap<u8, Broadcast3to4<Secp256k1>> = wire::read(round(3), &heard.broadcast)?;
        let Kept::Halved(r, own) = self.kept else {
            return Err(Failure::Misuse("it has not started".into()));
        };
        let mut halves: Vec<_> = received.into_values().collect();
        halves.push(own);
        let (s, recovery_id) = self.party.sign_phase4(&self.task, &r, &halves, true)?;
        Ok(EcdsaSignature { r: scalar_bytes(&r)?, s: scalar_bytes(&s)?, recovery_id })
    }
}

fn scalar_bytes(text: &str) -> Result<[u8; 32], Failure> {
    let unreadable =
        || Failure::Aborted { reason: "the protocol's result is no number".into(), banned: None, blamed: None, unfit: false };
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return Err(unreadable());
    }
    for (position, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * position..2 * position + 2], 16).map_err(|_| unreadable())?;
    }
    Ok(bytes)
}

impl Told for EcdsaSignature {
    fn told(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let told = (PyBytes::new(py, &self.r), PyBytes::new(py, &self.s), self.recovery_id);
        Ok(told.into_pyobject(py)?.into_any().unbind())
    }
}

impl Run for Signature {
    type Outcome = EcdsaSignature;

    fn start(&mut self) -> Result<Vec<Outgoing>, Failure> {
        let (unique, kept, messages) = self.party.sign_phase1(&self.task)?;
        self.kept = Kept::Transferred(unique, kept);
        Ok(messages.iter().map(|message| wire::outgoing(round(1), Some(message.parties.receiver.as_u8()), message)).collect())
    }

    fn awaits(&self) -> (Ways, Vec<u8>) {
        let ways = if matches!(self.kept, Kept::Halved(..)) { Ways::Broadcast } else { Ways::Direct };
        (ways, self.task.counterparties.iter().map(PartyIndex::as_u8).collect())
    }

    fn advance(mut self, heard: &Heard) -> Result<Step<Self>, Failure> {
        match self.kept {
            Kept::Transferred(..) => self.multiply(heard).map(|messages| Step::Next(self, messages)),
            Kept::Multiplied(..) => self.halve(heard).map(|messages| Step::Next(self, messages)),
            Kept::Nothing | Kept::Halved(..) => self.finish(heard).map(Step::Finished),
        }
    }
}
