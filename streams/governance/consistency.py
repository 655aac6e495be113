"""Whether a genesis document makes sense: everything that it names is in it, once, and could work.

A table of checks, each giving sentences a person can act on; all are made, so that a document is corrected in one go.
Pure. Leaves out the policy's own text (`streams.policy.review`) and what only a chain knows: whether a token has
those decimals, whether a contract is at that address.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Final
from urllib.parse import urlsplit

from infra.identity import cose, ed25519
from schemas.firm import Limit
from streams.governance.genesis import GenesisDocument, GenesisRefused, Party, access, activation
from streams.policy import review

PROBLEMS_SHOWN_MAX: Final = 50
EACH: Final = "*"
"""The subject of a limit that every trader, wallet, contract or desk has on its own."""

_NO_SIGNATURE: Final = bytes(ed25519.SIGNATURE_BYTES)
_ZERO_ADDRESS: Final = "0x" + 40 * "0"


def require_sense(document: GenesisDocument) -> None:
    """Return when nothing speaks against `document`.

    Raises:
        GenesisRefused: with every problem, a line each.
    """
    found = list(problems(document))
    if found:
        more = len(found) - PROBLEMS_SHOWN_MAX
        lines = [*found[:PROBLEMS_SHOWN_MAX], *([f"and {more} more"] if more > 0 else [])]
        raise GenesisRefused("the genesis document is refused:" + "".join(f"\n  - {line}" for line in lines))


def problems(document: GenesisDocument) -> Iterator[str]:
    """Yield everything that speaks against `document`, a sentence each."""
    for check in _CHECKS:
        yield from check(document)
    yield from review.problems(activation(document.policy), tuple(access(document)))


def _repetitions(document: GenesisDocument) -> Iterator[str]:
    credentials = [credential for person in document.persons for credential in person.credentials]
    keys = [key for system in document.systems for key in system.signing_keys]
    yield from _twice("desk", document.desks)
    yield from _twice("principal", [party.principal for party in _parties(document)])
    yield from _twice("credential", [credential.credential_id for credential in credentials])
    yield from _twice("credential's public key", [credential.public_key for credential in credentials])
    yield from _twice("signing key", [key.key_id for key in keys])
    yield from _twice("system's public key", [key.public_key for key in keys])
    yield from _twice("asset", [asset.asset_id for asset in document.assets])
    yield from _twice("token", [(asset.chain_id, asset.token or "native asset") for asset in document.assets])
    yield from _twice("wallet", [wallet.wallet_id for wallet in document.wallets])
    yield from _twice("wallet address", [(wallet.chain_id, wallet.address) for wallet in document.wallets])
    yield from _twice("contract", [(contract.chain_id, contract.address) for contract in document.contracts])
    yield from _twice("limit", [limit.limit_id for limit in document.policy.limits])


def _twice(what: str, names: Iterable[Hashable]) -> Iterator[str]:
    for name, times in Counter(names).items():
        if times > 1:
            shown = " on chain ".join(str(part) for part in reversed(name)) if isinstance(name, tuple) else name
            yield f"{what} {shown}: listed {times} times"


def _persons(document: GenesisDocument) -> Iterator[str]:
    for person in document.persons:
        if not person.credentials:
            yield f"person {person.principal}: has no credential, so could sign nothing"
        for credential in person.credentials:
            try:
                cose.verify(_bytes(credential.public_key), b"", b"")
            except cose.CoseKeyInvalid as error:
                yield f"person {person.principal}: credential {credential.credential_id}: {error}"


def _systems(document: GenesisDocument) -> Iterator[str]:
    for system in document.systems:
        if not system.signing_keys:
            yield f"system {system.principal}: has no signing key, so could sign nothing"
        for key in system.signing_keys:
            try:
                ed25519.verify(_bytes(key.public_key), b"", _NO_SIGNATURE)
            except ed25519.PublicKeyRefused as error:
                yield f"system {system.principal}: signing key {key.key_id}: {error}"
            except ed25519.SignatureRefused:
                pass  # as it must be: the key was looked at first, and is one that can refuse


def _desks(document: GenesisDocument) -> Iterator[str]:
    for party in _parties(document):
        for desk in party.desks:
            if desk not in document.desks:
                yield f"principal {party.principal}: there is no desk {desk}"


def _parties(document: GenesisDocument) -> list[Party]:
    return [*document.persons, *document.systems]


def _assets(document: GenesisDocument) -> Iterator[str]:
    for asset in document.assets:
        if asset.peg_usd == 0:
            yield f"asset {asset.asset_id}: is pegged at 0 USD, so no limit would count it"
        if asset.token == _ZERO_ADDRESS:
            yield f"asset {asset.asset_id}: the zero address is no token"


def _wallets(document: GenesisDocument) -> Iterator[str]:
    chains = {asset.chain_id for asset in document.assets}
    for wallet in document.wallets:
        if wallet.desk_id not in document.desks:
            yield f"wallet {wallet.wallet_id}: there is no desk {wallet.desk_id}"
        if wallet.chain_id not in chains:
            yield f"wallet {wallet.wallet_id}: no asset is listed on chain {wallet.chain_id}"
        if wallet.address == _ZERO_ADDRESS:
            yield f"wallet {wallet.wallet_id}: nobody has the key of the zero address"


def _contracts(document: GenesisDocument) -> Iterator[str]:
    chains = {asset.chain_id for asset in document.assets}
    for contract in document.contracts:
        if contract.chain_id not in chains:
            yield f"contract {contract.address}: no asset is listed on chain {contract.chain_id}"
        if _ZERO_ADDRESS in {contract.address, *contract.companions}:
            yield f"contract {contract.address}: what is sent to the zero address is lost"


def _limits(document: GenesisDocument) -> Iterator[str]:
    known = {
        "trader": {party.principal for party in _parties(document)},
        "wallet": {wallet.wallet_id for wallet in document.wallets},
        "contract": {contract.address for contract in document.contracts},
        "desk": set(document.desks),
    }
    for limit in document.policy.limits:
        if limit.subject != EACH and limit.subject not in known[limit.scope]:
            yield f"limit {limit.limit_id}: there is no {limit.scope} {limit.subject}"
        yield from _window(limit)


def _window(limit: Limit) -> Iterator[str]:
    if limit.kind == "rolling" and limit.window_seconds == 0:
        yield f"limit {limit.limit_id}: a rolling limit needs a window of at least a second"
    if limit.kind == "per-transaction" and limit.window_seconds != 0:
        yield f"limit {limit.limit_id}: a limit per transaction has no window; set window_seconds to 0"


def _origins(document: GenesisDocument) -> Iterator[str]:
    """Yield what WebAuthn would not accept (Level 3, section 5.1.3): an origin that is not secure or not of the RP ID."""
    settings = document.policy.settings
    if not settings.webauthn_origins:
        yield "settings: no webauthn_origins, so nobody could approve anything"
    for origin in settings.webauthn_origins:
        parts = urlsplit(origin)
        host = parts.hostname or ""
        if parts.scheme != "https" and not (parts.scheme == "http" and host == "localhost"):
            yield f"settings: origin {origin} is not https"
        if host != settings.webauthn_rp_id and not host.endswith(f".{settings.webauthn_rp_id}"):
            yield f"settings: origin {origin} does not belong to webauthn_rp_id {settings.webauthn_rp_id}"


def _bytes(hexadecimal: str) -> bytes:
    return bytes.fromhex(hexadecimal.removeprefix("0x"))


_CHECKS: Final[tuple[Callable[[GenesisDocument], Iterator[str]], ...]] = (
    _repetitions,
    _persons,
    _systems,
    _desks,
    _assets,
    _wallets,
    _contracts,
    _limits,
    _origins,
)
