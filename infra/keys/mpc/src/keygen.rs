//! Distributed key generation, three rounds: fragments of polynomials; commitments; what was committed to, and base transfers.
//!
//! Round 2 goes to everybody over one ordered log, so that no two parties can be told different commitments.

use std::collections::BTreeMap;
use std::sync::Arc;

use dkls23_secp256k1::protocols::dkg::{
    BroadcastDerivationPhase2to4, BroadcastDerivationPhase3to4, ProofCommitment, TransmitInitMulPhase3to4,
    TransmitInitZeroSharePhase2to4, TransmitInitZeroSharePhase3to4,
};
use dkls23_secp256k1::protocols::{Parameters, PartyIndex};
use dkls23_secp256k1::{DkgSession, Party, compute_eth_address};
use k256::{Scalar, Secp256k1};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::session::{Run, Step, Ways, index, others};
use crate::wire::{self, Heard, KEYGEN, Kind, Outgoing};

#[derive(Clone, Serialize, Deserialize)]
struct Committed {
    proof: ProofCommitment<Secp256k1>,
    zero: Vec<TransmitInitZeroSharePhase2to4>,
    chain_code: BroadcastDerivationPhase2to4,
}

#[derive(Serialize, Deserialize)]
struct Opened {
    zero: TransmitInitZeroSharePhase3to4,
    multiplication: TransmitInitMulPhase3to4<Secp256k1>,
}

/// One party's side of a key generation.
pub struct Generating {
    session: DkgSession<Secp256k1>,
    me: PartyIndex,
    parties: u8,
    round: u8,
    own_fragment: Zeroizing<Scalar>,
    committed: BTreeMap<u8, Committed>,
    own_chain_code: Option<BroadcastDerivationPhase3to4>,
}

impl Generating {
    /// Party `party` of `parties`, of whom `threshold` will have to sign.
    pub fn new(session_id: &[u8], threshold: u8, parties: u8, party: u8) -> Result<Self, Failure> {
        let parameters = Parameters::new(threshold, parties)
            .map_err(|_| Failure::Misuse("a threshold is at least 2, and at most the number of parties".into()))?;
        let me = index(party, parties)?;
        Ok(Self {
            session: DkgSession::new(parameters, me, session_id.to_vec()),
            me,
            parties,
            round: 0,
            own_fragment: Zeroizing::new(Scalar::ZERO),
            committed: BTreeMap::new(),
            own_chain_code: None,
        })
    }

    fn kind(&self) -> Kind {
        Kind { protocol: KEYGEN, round: self.round }
    }

    fn commit(&mut self, heard: &Heard) -> Result<Vec<Outgoing>, Failure> {
        let fragments = Zeroizing::new({
            let mut by_sender: BTreeMap<u8, Scalar> = wire::read(Kind { protocol: KEYGEN, round: 1 }, &heard.direct)?;
            by_sender.insert(self.me.as_u8(), *self.own_fragment);
            by_sender.into_values().collect::<Vec<_>>()
        });
        let (proof, zero, chain_code) = self.session.phase2(&fragments)?;
        let committed = Committed { proof, zero, chain_code };
        let message = wire::outgoing(self.kind(), None, &committed);
        self.committed.insert(self.me.as_u8(), committed);
        Ok(vec![message])
    }

    fn open(&mut self, heard: &Heard) -> Result<Vec<Outgoing>, Failure> {
        let committed: BTreeMap<u8, Committed> = wire::read(Kind { protocol: KEYGEN, round: 2 }, &heard.broadcast)?;
        for (sender, said) in &committed {
            if said.proof.index.as_u8() != *sender || said.chain_code.sender_index.as_u8() != *sender {
                return Err(Failure::misplaced(*sender));
            }
        }
        self.committed.extend(committed);
        let (zero, multiplication, chain_code) = self.session.phase3()?;
        let mut messages = vec![wire::outgoing(self.kind(), None, &chain_code)];
        self.own_chain_code = Some(chain_code);
        for (zero, multiplication) in zero.into_iter().zip(multiplication) {
            let receiver = zero.parties.receiver.as_u8();
            messages.push(wire::outgoing(self.kind(), Some(receiver), &Opened { zero, multiplication }));
        }
        Ok(messages)
    }

    fn finish(mut self, heard: &Heard) -> Result<Party, Failure> {
        let kind = Kind { protocol: KEYGEN, round: 3 };
        let opened: BTreeMap<u8, Opened> = wire::read(kind, &heard.direct)?;
        let mut chain_codes: BTreeMap<PartyIndex, BroadcastDerivationPhase3to4> = BTreeMap::new();
        for (sender, chain_code) in wire::read::<BroadcastDerivationPhase3to4>(kind, &heard.broadcast)? {
            if chain_code.sender_index.as_u8() != sender {
                return Err(Failure::misplaced(sender));
            }
            chain_codes.insert(index(sender, self.parties)?, chain_code);
        }
        chain_codes.extend(self.own_chain_code.take().map(|own| (self.me, own)));
        let mut opened_zero = Vec::new();
        let mut multiplication = Vec::new();
        for (sender, said) in opened {
            wire::addressed(&said.zero.parties, sender, self.me)?;
            wire::addressed(&said.multiplication.parties, sender, self.me)?;
            opened_zero.push(said.zero);
            multiplication.push(said.multiplication);
        }
        let mut proofs = Vec::new();
        let mut committed_zero = Vec::new();
        let mut committed_chain_codes = BTreeMap::new();
        for (sender, said) in self.committed {
            proofs.push(said.proof);
            committed_chain_codes.insert(index(sender, self.parties)?, said.chain_code);
            committed_zero.extend(for_me(&said.zero, sender, self.me, |zero| &zero.parties)?);
        }
        let (party, _) = self.session.phase4(
            &proofs,
            &committed_zero,
            &opened_zero,
            &multiplication,
            &committed_chain_codes,
            &chain_codes,
            compute_eth_address,
        )?;
        Ok(party)
    }
}

/// Of what `sender` told everybody, what is for `me`; each must say that it is from `sender`.
pub fn for_me<T: Clone>(
    said: &[T],
    sender: u8,
    me: PartyIndex,
    parties: impl Fn(&T) -> &dkls23_secp256k1::protocols::PartiesMessage,
) -> Result<Vec<T>, Failure> {
    if said.iter().any(|message| parties(message).sender.as_u8() != sender) {
        return Err(Failure::misplaced(sender));
    }
    Ok(said.iter().filter(|message| parties(message).receiver == me).cloned().collect())
}

impl Run for Generating {
    type Outcome = Arc<Party>;

    fn start(&mut self) -> Result<Vec<Outgoing>, Failure> {
        self.round = 1;
        let fragments = Zeroizing::new(self.session.phase1());
        *self.own_fragment = fragments[usize::from(self.me.as_u8()) - 1];
        Ok(others(self.parties, self.me)
            .map(|party| wire::outgoing(self.kind(), Some(party), &fragments[usize::from(party) - 1]))
            .collect())
    }

    fn awaits(&self) -> (Ways, Vec<u8>) {
        let ways = match self.round {
            1 => Ways::Direct,
            2 => Ways::Broadcast,
            _ => Ways::Both,
        };
        (ways, others(self.parties, self.me).collect())
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
