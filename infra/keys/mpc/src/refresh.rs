//! New shares of the same key, three rounds: fragments of polynomials that are zero at zero; commitments; seeds.
//!
//! The oblivious transfers' correlations are kept, and randomised by what both sides commit to (ePrint 2019/1328, section 8):
//! who knew a share before, and hears nothing of the refresh, knows nothing afterwards.

use std::collections::BTreeMap;
use std::sync::Arc;

use dkls23_secp256k1::Party;
use dkls23_secp256k1::protocols::PartyIndex;
use dkls23_secp256k1::protocols::dkg::ProofCommitment;
use dkls23_secp256k1::protocols::refresh::{
    KeepRefreshPhase2to3, KeepRefreshPhase3to4, TransmitRefreshPhase2to4, TransmitRefreshPhase3to4,
};
use k256::{Scalar, Secp256k1};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use crate::failure::Failure;
use crate::keygen::for_me;
use crate::session::{Run, Step, Ways, others};
use crate::wire::{self, Heard, Kind, Outgoing, REFRESH};

#[derive(Clone, Serialize, Deserialize)]
struct Committed {
    proof: ProofCommitment<Secp256k1>,
    seeds: Vec<TransmitRefreshPhase2to4>,
}

/// One party's side of a refresh.
pub struct Refreshing {
    party: Arc<Party>,
    session_id: Vec<u8>,
    round: u8,
    own_fragment: Zeroizing<Scalar>,
    correction: Zeroizing<Scalar>,
    committed: BTreeMap<u8, Committed>,
    to_open: BTreeMap<PartyIndex, KeepRefreshPhase2to3>,
    opened: BTreeMap<PartyIndex, KeepRefreshPhase3to4>,
}

const fn round(round: u8) -> Kind {
    Kind { protocol: REFRESH, round }
}

impl Refreshing {
    /// Of the key that `party` is a share of; all its parties take part.
    pub fn new(party: Arc<Party>, session_id: &[u8]) -> Self {
        Self {
            party,
            session_id: session_id.to_vec(),
            round: 0,
            own_fragment: Zeroizing::new(Scalar::ZERO),
            correction: Zeroizing::new(Scalar::ZERO),
            committed: BTreeMap::new(),
            to_open: BTreeMap::new(),
            opened: BTreeMap::new(),
        }
    }

    fn me(&self) -> PartyIndex {
        self.party.party_index
    }

    fn commit(&mut self, heard: &Heard) -> Result<Vec<Outgoing>, Failure> {
        let fragments = Zeroizing::new({
            let mut by_sender: BTreeMap<u8, Scalar> = wire::read(round(1), &heard.direct)?;
            by_sender.insert(self.me().as_u8(), *self.own_fragment);
            by_sender.into_values().collect::<Vec<_>>()
        });
        let (correction, proof, kept, seeds) = self.party.refresh_phase2(&self.session_id, &fragments);
        self.correction = Zeroizing::new(correction);
        self.to_open = kept;
        let committed = Committed { proof, seeds };
        let message = wire::outgoing(round(2), None, &committed);
        self.committed.insert(self.me().as_u8(), committed);
        Ok(vec![message])
    }

    fn open(&mut self, heard: &Heard) -> Result<Vec<Outgoing>, Failure> {
        let committed: BTreeMap<u8, Committed> = wire::read(round(2), &heard.broadcast)?;
        if let Some((sender, _)) = committed.iter().find(|(sender, said)| said.proof.index.as_u8() != **sender) {
            return Err(Failure::misplaced(*sender));
        }
        self.committed.extend(committed);
        let (kept, seeds) = self.party.refresh_phase3(&self.to_open);
        self.opened = kept;
        Ok(seeds.iter().map(|seed| wire::outgoing(round(3), Some(seed.parties.receiver.as_u8()), seed)).collect())
    }

    fn finish(&self, heard: &Heard) -> Result<Party, Failure> {
        let opened: BTreeMap<u8, TransmitRefreshPhase3to4> = wire::read(round(3), &heard.direct)?;
        for (sender, seed) in &opened {
            wire::addressed(&seed.parties, *sender, self.me())?;
        }
        let mut proofs = Vec::new();
        let mut seeds = Vec::new();
        for (sender, said) in &self.committed {
            proofs.push(said.proof.clone());
            seeds.extend(for_me(&said.seeds, *sender, self.me(), |seed| &seed.parties)?);
        }
        let opened: Vec<_> = opened.into_values().collect();
        Ok(self.party.refresh_phase4(&self.session_id, &self.correction, &proofs, &self.opened, &seeds, &opened)?)
    }
}

impl Drop for Refreshing {
    fn drop(&mut self) {
        for kept in self.to_open.values_mut() {
            kept.seed.zeroize();
            kept.salt.zeroize();
        }
        for kept in self.opened.values_mut() {
            kept.seed.zeroize();
        }
    }
}

impl Run for Refreshing {
    type Outcome = Arc<Party>;

    fn start(&mut self) -> Result<Vec<Outgoing>, Failure> {
        self.round = 1;
        let fragments = Zeroizing::new(self.party.refresh_phase1());
        *self.own_fragment = fragments[usize::from(self.me().as_u8()) - 1];
        Ok(others(self.party.parameters.share_count, self.me())
            .map(|party| wire::outgoing(round(1), Some(party), &fragments[usize::from(party) - 1]))
            .collect())
    }

    fn awaits(&self) -> (Ways, Vec<u8>) {
        let ways = if self.round == 2 { Ways::Broadcast } else { Ways::Direct };
        (ways, others(self.party.parameters.share_count, self.me()).collect())
    }

    fn advance(mut self, heard: &Heard) -> Result<Step<Self>, Failure> {
        self.round += 1;
        match self.round {
            2 => self.commit(heard).map(|messages| Step::Next(self, messages)),
            3 => self.open(heard).map(|messages| Step::Next(self, messages)),
            _ => self.finish(heard).map(|party| Step::Finished(Arc::new(party))),
        }
    }
}
