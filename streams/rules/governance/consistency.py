"""Checks a genesis document: every name in it is defined, once, and could work.

A table of checks, each giving sentences a person can act on; all are made, so that a document is corrected in one go. What
can also be changed later is checked in the same way then: rights, limits and settings (`streams.rules.governance.review`), the
policy's own text (`streams.rules.policy.review`). Pure. Leaves out facts that only a chain knows: a token's decimals,
a contract at an address.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from streams.rules.firm.keys import IN_SHARES
from streams.rules.governance.genesis import GenesisDocument, GenesisRefused, Wallet, access, activation
from streams.rules.governance.review import access as rights
from streams.rules.governance.review import cosigners, limits, settings, wallets
from streams.rules.governance.review.access import repeated
from streams.rules.governance.review.wallets import ZERO_ADDRESS
from streams.rules.limits.scopes import Institution, known_subjects
from streams.rules.policy import review

PROBLEMS_SHOWN_MAX: Final = 50


def require_sense(document: GenesisDocument) -> None:
    """Check that nothing speaks against `document`.

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
    yield from repeated("desk", document.desks)
    yield from repeated("asset", [asset.asset_id for asset in document.assets])
    yield from repeated("token", [(asset.chain_id, asset.token or "native asset") for asset in document.assets])
    yield from repeated("wallet", [wallet.wallet_id for wallet in document.wallets])
    yield from repeated("wallet address", [(wallet.chain_id, wallet.address) for wallet in document.wallets])
    yield from repeated("contract", [(contract.chain_id, contract.address) for contract in document.contracts])


def _access(document: GenesisDocument) -> Iterator[str]:
    yield from rights.problems(tuple(access(document)), document.desks)


def _assets(document: GenesisDocument) -> Iterator[str]:
    for asset in document.assets:
        if asset.peg_usd == 0:
            yield f"asset {asset.asset_id}: is pegged at 0 USD, so no limit would count it"
        if asset.token == ZERO_ADDRESS:
            yield f"asset {asset.asset_id}: the zero address is no token"


def _wallets(document: GenesisDocument) -> Iterator[str]:
    for place, wallet in enumerate(document.wallets):
        there = wallets.FirmParts(
            desks=document.desks,
            chains={asset.chain_id for asset in document.assets},
            accounts=[(each.chain_id, each.address) for each in document.contracts if each.kind == "account"],
            wallets=[*document.wallets[:place], *document.wallets[place + 1 :]],
        )
        found = (*wallets.problems(wallet, there), *_shared(wallet))
        yield from (f"wallet {wallet.wallet_id}: {problem}" for problem in found)


def _shared(wallet: Wallet) -> Iterator[str]:
    """Yield the wallet's keys that cannot exist yet: the ceremony that makes shares needs a log."""
    holders = [] if wallet.safe is None else [*wallet.safe.owners, wallet.safe.executor]
    for key_id, backend in [(wallet.key_id, wallet.key_backend), *((each.key_id, each.key_backend) for each in holders)]:
        if backend in IN_SHARES:
            yield f"key {key_id} is in shares, which are made after genesis: have it generated, and then activated"


def _cosigners(document: GenesisDocument) -> Iterator[str]:
    yield from cosigners.problems(document.cosigners)


def _contracts(document: GenesisDocument) -> Iterator[str]:
    chains = {asset.chain_id for asset in document.assets}
    for contract in document.contracts:
        if contract.chain_id not in chains:
            yield f"contract {contract.address}: no asset is listed on chain {contract.chain_id}"
        if ZERO_ADDRESS in {contract.address, *contract.companions}:
            yield f"contract {contract.address}: what is sent to the zero address is lost"


def _policy(document: GenesisDocument) -> Iterator[str]:
    institution = Institution(
        principals={party.principal for party in (*document.persons, *document.systems)},
        wallets={wallet.wallet_id for wallet in document.wallets},
        assets={asset.asset_id for asset in document.assets},
        targets=document.contracts,
        desks=document.desks,
    )
    yield from limits.problems(document.policy.limits, known_subjects(institution))
    yield from settings.problems(document.policy.settings)


_CHECKS: Final[tuple[Callable[[GenesisDocument], Iterator[str]], ...]] = (
    _repetitions,
    _access,
    _assets,
    _wallets,
    _cosigners,
    _contracts,
    _policy,
)
