"""Signs and encrypts messages between cosigners, so that the sender is known and only the receiver can read them.

A message counts only if its sender, as governance has enrolled it, signed all of it (Ed25519, RFC 8032). A message for one
cosigner is encrypted to it (`infra.proofs.envelope`), bound to session, sender, receiver and round. Every reader reads the
topic's one partition in one order and takes the first message of each name, so all receive the same broadcast: Kafka is the
broadcast channel that the protocol asks for. Pure, but for the randomness of encryption.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from infra.proofs import base64url, ed25519, envelope
from schemas.canonical import (
    canonical_bytes,
    cosigner_message_digest,
    cosigner_verdict_digest,
    destruction_digest,
    key_vouched_digest,
)
from schemas.keys import Cosigner, CosignerVerdict, DestructionProof, KeyVouched
from schemas.sessions import CosignerMessage
from schemas.values import OrderId, Record, Sha256, Slug

UNSIGNED: Final = "AA"
"""Stands where the signature will be: no digest covers it."""


class NotFromSender(Exception):
    """A message that its sender did not sign, or that was not encrypted for us. It counts for nothing."""


class Unreadable(NotFromSender):
    """A message that its sender did sign, and that we, for whom it is, cannot read: only the sender can have done that."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A cosigner's own private keys: one signs its messages, one decrypts what is sent to it."""

    name: Slug
    signing_key: Ed25519PrivateKey
    agreement_key: X25519PrivateKey


class MessageSigner:
    """Writes for one cosigner. Its keys stay inside."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    @property
    def name(self) -> Slug:
        """Return the signer's name."""
        return self._identity.name

    def _signature(self, digest: bytes) -> str:
        return base64url.encode(ed25519.sign(self._identity.signing_key, digest))

    def told(self, session_id: Sha256, kind: str, number: int, content: bytes) -> CosignerMessage:
        """Return a message that every participant may read."""
        return self._signed(session_id, "", kind, number, content)

    def outcome(self, session_id: Sha256, kind: str, content: Record) -> CosignerMessage:
        """Return a message for all participants with the session's outcome here."""
        return self.told(session_id, kind, 0, canonical_bytes(content))

    def whispered(self, session_id: Sha256, receiver: Cosigner, number: int, content: bytes) -> CosignerMessage:
        """Return a message that only `receiver` can read."""
        context = _context(session_id, self.name, receiver.cosigner, number)
        sealed = envelope.encrypt(content, bytes.fromhex(receiver.agreement_key[2:]), context)
        return self._signed(session_id, receiver.cosigner, "round", number, sealed)

    def read(self, message: CosignerMessage, sender: Cosigner) -> bytes:
        """Return the content of a message from `sender`, to this cosigner or to all.

        Raises:
            NotFromSender: it is not from them.
            Unreadable: it is, and not readable for us.
        """
        require_from(message, sender)
        try:
            content = base64url.decode(message.payload)
            if not message.receiver:
                return content
            context = _context(message.session_id, message.sender, self.name, message.round)
            return envelope.decrypt(content, self._identity.agreement_key, context)
        except (ValueError, envelope.EnvelopeRefused) as reason:
            raise Unreadable(f"a message of {message.sender} cannot be read: {reason}") from reason

    def verdict(self, verdict: CosignerVerdict, order_id: OrderId, digest: bytes) -> CosignerVerdict:
        """Return the signed verdict."""
        return verdict.model_copy(update={"signature": self._signature(cosigner_verdict_digest(verdict, order_id, digest))})

    def vouched(self, vouched: KeyVouched, ordered_position: int) -> KeyVouched:
        """Return the signed voucher for a key, valid for this order alone."""
        return vouched.model_copy(update={"signature": self._signature(key_vouched_digest(vouched, ordered_position))})

    def destroyed(self, proof: DestructionProof) -> DestructionProof:
        """Return the signed proof of a destruction."""
        return proof.model_copy(update={"signature": self._signature(destruction_digest(proof))})

    def is_enrolled_as(self, cosigner: Cosigner) -> bool:
        """Return True if these are our own keys."""
        signing, agreement = self._identity.signing_key, self._identity.agreement_key
        return (cosigner.signing_key, cosigner.agreement_key) == (
            f"0x{ed25519.public_bytes(signing).hex()}",
            f"0x{agreement.public_key().public_bytes_raw().hex()}",
        )

    def _signed(self, session_id: Sha256, receiver: str, kind: str, number: int, content: bytes) -> CosignerMessage:
        message = CosignerMessage.model_validate(
            {
                "session_id": session_id,
                "sender": self.name,
                "receiver": receiver,
                "kind": kind,
                "round": number,
                "payload": base64url.encode(content),
                "signature": UNSIGNED,
            }
        )
        return message.model_copy(update={"signature": self._signature(cosigner_message_digest(message))})


def require_from(message: CosignerMessage, sender: Cosigner) -> None:
    """Return when `sender` signed the message.

    Raises:
        NotFromSender: it did not.
    """
    if message.sender != sender.cosigner:
        raise NotFromSender(f"the message is of {message.sender}, not of {sender.cosigner}")
    require_signed(sender, cosigner_message_digest(message), message.signature)


def require_signed(sender: Cosigner, digest: bytes, signature: str) -> None:
    """Return when `signature` is the sender's over 32 bytes.

    Raises:
        NotFromSender: it is not.
    """
    try:
        ed25519.verify(bytes.fromhex(sender.signing_key[2:]), digest, base64url.decode(signature))
    except (ValueError, ed25519.Ed25519Refused) as reason:
        raise NotFromSender(f"{sender.cosigner} did not sign this: {reason}") from reason


def _context(session_id: Sha256, sender: str, receiver: str, number: int) -> bytes:
    return f"proofdesk/cosigner-message/v1\x00{session_id}|{sender}|{receiver}|{number}".encode()
