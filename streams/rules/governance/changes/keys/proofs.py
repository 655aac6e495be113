"""Verifies the proofs that a key exists, that it has new shares, or that it is destroyed. Pure.

A public key is a point of secp256k1, and its account follows from it (EIP-55). A key in shares exists if every one of its
holders states the same key and the same epoch, each signing with the key that governance has enrolled (RFC 8032).
A destroyed key is named with its hash: shares by their holders, a token's key by its public half, and its keeper's report.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

from coincurve import PublicKey

from infra.ethereum.recovery import POINT_BYTES, address_of
from infra.proofs import base64url, ed25519
from schemas.canonical import destruction_digest, key_vouched_digest
from schemas.firm_commands import ReportKey
from schemas.keys import DestructionProof, KeyId, KeyVouched
from schemas.values import MICROS_PER_SECOND, Address, Base64Url, HexBytes, Instant, Slug
from streams.rules.access.freshness import COMMAND_SKEW_SECONDS_MAX
from streams.rules.firm.keys import KeyStanding, key_named, shares_named
from streams.rules.firm.view import Governance

TOKEN: Final = "token"  # noqa: S105 - a place, and no secret
"""The place of a key that the custodian destroyed."""
SKEW_MICROS_MAX: Final = COMMAND_SKEW_SECONDS_MAX * MICROS_PER_SECOND


class Unproven(Exception):
    """A report that does not hold; the message gives the reason."""


class Account(NamedTuple):
    """A public key with its account."""

    address: Address
    public_key: HexBytes


class Share(NamedTuple):
    """A cosigner's statement about its share."""

    key_id: KeyId
    epoch: int
    account: Account
    ordered_position: int
    """Position of the order that it was made for: its holder deletes it if that order failed."""


def account(body: ReportKey) -> Account:
    """Return the account of a report's public key. Raises Unproven if it has none, or another than stated."""
    point = bytes.fromhex(body.public_key[2:])
    if len(point) != POINT_BYTES or point[0] != 4:  # noqa: PLR2004 - SEC 1: the mark of an uncompressed point
        raise Unproven("its public key is no uncompressed point")
    try:
        PublicKey(point)
    except ValueError as error:
        raise Unproven("its public key is no point of secp256k1") from error
    if (address := address_of(point)) != body.address:
        raise Unproven(f"its public key is that of {address}, not of {body.address}")
    return Account(address, body.public_key)


def check_of_one_place(body: ReportKey) -> None:
    """Check that a key in one place comes without statements about shares. Raises Unproven."""
    if body.vouched or body.epoch:
        raise Unproven("it has no shares, so that nobody vouches for any, of no epoch")


def check_vouched(firm: Governance, holders: Sequence[Slug], vouched: Sequence[KeyVouched], share: Share, after: int) -> None:
    """Check that each of `holders`, and no other, states once that it holds a share of this key, of an epoch after `after`.

    Raises:
        Unproven: a statement is missing, repeated or wrong.
    """
    if share.epoch <= after:
        raise Unproven(f"new shares are of a later epoch than {after}, and these are of {share.epoch}")
    _check_everybody(holders, [each.cosigner for each in vouched], "vouched for it")
    for each in vouched:
        if Share(each.key_id, each.epoch, Account(each.address, each.public_key), share.ordered_position) != share:
            raise Unproven(f"{each.cosigner} vouches for key {each.key_id}, epoch {each.epoch}, {each.address}")
        _check_signed(firm, each.cosigner, key_vouched_digest(each, share.ordered_position), each.signature)


def check_destroyed(firm: Governance, known: KeyStanding, proofs: Sequence[DestructionProof], now: Instant) -> None:
    """Check that every holder of any part of the key destroyed it, after it was made. Raises Unproven."""
    holders = [name for name in known.cosigners if name in firm.cosigners]
    _check_everybody(holders or [TOKEN], [each.place for each in proofs], "said what it destroyed")
    expected = shares_named(known.key_id) if known.cosigners else key_named(known.key_id)
    for each in proofs:
        if not each.what.startswith(expected):
            raise Unproven(f"{each.place} destroyed {each.what!r}, and was to destroy {expected.rstrip(',')}")
        if not known.renewed_at - SKEW_MICROS_MAX <= each.destroyed_at <= now + SKEW_MICROS_MAX:
            raise Unproven(f"{each.place} destroyed it before it was made, or later than now: set its clock")
        if known.cosigners:
            _check_signed(firm, each.place, destruction_digest(each), each.signature)
        elif known.generated is not None and each.digest != digest_of_key(known.generated.public_key):
            raise Unproven(f"{each.place} destroyed a key with another public half")


def digest_of_key(public_key: HexBytes) -> str:
    """Return a token key's name in a proof: SHA-256 of its public half, uncompressed."""
    return hashlib.sha256(bytes.fromhex(public_key[2:])).hexdigest()


def _check_everybody(wanted: Sequence[Slug], found: Sequence[Slug], did: str) -> None:
    if missing := [name for name in wanted if name not in found]:
        raise Unproven(f"{', '.join(missing)} has not {did}")
    if odd := sorted(name for name, times in Counter(found).items() if times > 1 or name not in wanted):
        raise Unproven(f"{', '.join(odd)} is none that was asked, or said it twice")


def _check_signed(firm: Governance, name: Slug, digest: bytes, signature: Base64Url) -> None:
    enrolled = firm.cosigners.get(name)
    if enrolled is None:
        raise Unproven(f"there is no cosigner {name}")
    try:
        ed25519.verify(bytes.fromhex(enrolled.cosigner.signing_key[2:]), digest, base64url.decode(signature))
    except (ed25519.Ed25519Refused, ValueError) as error:
        raise Unproven(f"the signature of {name} does not hold: {error}") from error
