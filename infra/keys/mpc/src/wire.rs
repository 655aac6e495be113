//! Messages as bytes: a domain, the round, then postcard. Nothing may follow, and nothing may be missing.

use std::collections::BTreeMap;

use dkls23_secp256k1::protocols::{PartiesMessage, PartyIndex};
use serde::{Serialize, de::DeserializeOwned};
use zeroize::Zeroizing;

use crate::failure::Failure;

/// What a message belongs to: a protocol, and a round of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// One of the constants in this module.
    pub protocol: u8,
    /// From 1.
    pub round: u8,
}

/// Distributed key generation.
pub const KEYGEN: u8 = 1;
/// Signing.
pub const SIGNING: u8 = 2;
/// Refresh that keeps the oblivious transfers' correlations, randomised.
pub const REFRESH: u8 = 3;
/// Refresh that makes the correlations anew as well.
pub const RENEWAL: u8 = 4;

/// A message to one party, or to all others.
pub struct Outgoing {
    /// None: all others.
    pub receiver: Option<u8>,
    /// Secret when it is for one.
    pub payload: Zeroizing<Vec<u8>>,
}

/// What was heard in a round: one message of each sender in each of the two ways.
#[derive(Default)]
pub struct Heard {
    /// Sent to this party alone.
    pub direct: BTreeMap<u8, Vec<u8>>,
    /// Sent to all.
    pub broadcast: BTreeMap<u8, Vec<u8>>,
}

/// The bytes of `message`, written once into a buffer of their size, so that no copy of a secret is left behind.
pub fn to_bytes<T: Serialize>(prefix: &[u8], message: &T) -> Zeroizing<Vec<u8>> {
    let size = postcard::experimental::serialized_size(message).expect("its own types have a size");
    let mut buffer = Vec::with_capacity(prefix.len() + size);
    buffer.extend_from_slice(prefix);
    Zeroizing::new(postcard::to_extend(message, buffer).expect("its own types are written"))
}

/// A message of `kind` to `receiver`.
pub fn outgoing<T: Serialize>(kind: Kind, receiver: Option<u8>, message: &T) -> Outgoing {
    Outgoing { receiver, payload: to_bytes(&[kind.protocol, kind.round], message) }
}

/// What each sender said, in the order of the senders.
pub fn read<T: DeserializeOwned>(kind: Kind, said: &BTreeMap<u8, Vec<u8>>) -> Result<BTreeMap<u8, T>, Failure> {
    said.iter().map(|(sender, payload)| Ok((*sender, read_one(kind, *sender, payload)?))).collect()
}

fn read_one<T: DeserializeOwned>(kind: Kind, sender: u8, payload: &[u8]) -> Result<T, Failure> {
    let content = payload.strip_prefix(&[kind.protocol, kind.round]).ok_or_else(|| Failure::unreadable(sender))?;
    match postcard::take_from_bytes(content) {
        Ok((message, [])) => Ok(message),
        _ => Err(Failure::unreadable(sender)),
    }
}

/// Refuse a message that says it is from, or for, somebody else than it is.
pub fn addressed(parties: &PartiesMessage, sender: u8, receiver: PartyIndex) -> Result<(), Failure> {
    if parties.sender.as_u8() == sender && parties.receiver == receiver { Ok(()) } else { Err(Failure::misplaced(sender)) }
}
