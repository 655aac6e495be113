//! New shares of the same key, and everything that was agreed with the others anew: a key generation whose key is zero.
//!
//! Slower than `refresh` by a factor of twenty; nothing of what was before, not even randomised, is left in the result.

use std::collections::BTreeMap;
use std::sync::Arc;

use dkls23_secp256k1::Party;
use dkls23_secp256k1::protocols::PartyIndex;
use dkls23_secp256k1::protocols::dkg::{
    KeepInitMulPhase3to4, KeepInitZeroSharePhase2to3, KeepInitZeroSharePhase3to4, ProofCommitment, TransmitInitMulPhase3to4,
    TransmitInitZeroSharePhase2to4, TransmitInitZeroSharePhase3to4,
};
use k256::{Scalar, Secp256k1};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use crate::failure::Failure;
use crate::keygen::for_me;
use crate::session::{Run, Step, Ways, others};
use crate::wire::{self, Heard, Kind, Outgoing, RENEWAL};

#[derive(Clone, Serialize, Deserialize)]
struct Committed {
    proof: ProofCommitment<Secp256k1>,
    seeds: Vec<TransmitInitZeroSharePhase2to4>,
}

#[derive(Serialize, Deserialize)]
struct Opened {
    seed: TransmitInitZeroSharePhase3to4,
    multiplication: TransmitInitMulPhase3to4<Secp256k1>,
}

/// One party's side of a complete refresh.
pub struct Renewing {
    party: Arc<Party>,
    session_id: Vec<u8>,
    round: u8,
    own_fragment: Zeroizing<Scalar>,
    correction: Zeroizing<Scalar>,
    committed: BTreeMap<u8, Committed>,
    to_open: BTreeMap<PartyIndex, KeepInitZeroSharePhase2to3>,
    opened: BTreeMap<PartyIndex, KeepInitZeroSharePhase3to4>,
    multiplication: BTreeMap<PartyIndex, KeepInitMulPhase3to4<Secp256k1>>,
}

const fn round(round: u8) -> Kind {
    Kind { protocol: RENEWAL, round }
}

impl Renewing {
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
            multiplication: BTreeMap::new(),
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
        let (correction, proof, kept, seeds) = self.party.refresh_complete_phase2(&self.session_id, &fragments);
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
        let (kept, seeds, multiplication, transfers) = self.party.refresh_complete_phase3(&self.session_id, &self.to_open);
        self.opened = kept;
        self.multiplication = multiplication;
        Ok(seeds
            .into_iter()
            .zip(transfers)
            .map(|(seed, multiplication)| {
                let receiver = seed.parties.receiver.as_u8();
                wire::outgoing(round(3), Some(receiver), &Opened { seed, multiplication })
            })
            .collect())
    }

    fn finish(&self, heard: &Heard) -> Result<Party, Failure> {
        let said: BTreeMap<u8, Opened> = wire::read(round(3), &heard.direct)?;
        let mut opened = Vec::new();
        let mut transfers = Vec::new();
        for (sender, message) in said {
            wire::addressed(&message.seed.parties, sender, self.me())?;
            wire::addressed(&message.multiplication.parties, sender, self.me())?;
            opened.push(message.seed);
            transfers.push(message.multiplication);
        }
        let mut proofs = Vec::new();
        let mut seeds = Vec::new();
        for (sender, said) in &self.committed {
            proofs.push(said.proof.clone());
            seeds.extend(for_me(&said.seeds, *sender, self.me(), |seed| &seed.parties)?);
        }
        Ok(self.party.refresh_complete_phase4(
            &self.session_id,
            &self.correction,
            &proofs,
            &self.opened,
            &seeds,
            &opened,
            &self.multiplication,
            &transfers,
        )?)
    }
}

impl Drop for Renewing {
    fn drop(&mut self) {
        for kept in self.to_open.values_mut() {
            kept.seed.zeroize();
            kept.salt.zeroize();
        }
        for kept in self.opened.values_mut() {
            kept.seed.zeroize();
        }
        for kept in self.multiplication.values_mut() {
            kept.ot_sender.s.zeroize();
            kept.ot_receiver.seed.zeroize();
            kept.nonce.zeroize();
            kept.vec_r.zeroize();
            kept.correlation.zeroize();
        }
    }
}

impl Run for Renewing {
    type Outcome = Arc<Party>;

    fn start(&mut self) -> Result<Vec<Outgoing>, Failure> {
        self.round = 1;
        let fragments = Zeroizing::new(self.party.refresh_complete_phase1());
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
