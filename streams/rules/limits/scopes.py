"""Registers every limit scope: an order's subject, the subjects that exist, and the breaker that a breach trips. Pure.

A test compares `SCOPES` with `schemas.firm.LimitScope`, so a half-added scope fails there and not at the desk.
A scope must be decidable by one desk alone (architecture, rule 4); one that spans desks is held in parts (`in_parts`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple, Protocol

from schemas.firm import BreakerScope, LimitScope


class Subjects(NamedTuple):
    """An order's subject in each scope; empty where it has none, and then no limit of that scope applies."""

    trader: str
    wallet: str
    asset: str
    destination: str
    """The receiver outside the wallet, of the value or of the right to draw it; a swap, deposit or withdrawal has none."""
    contract: str
    """The account or contract that the order goes to."""
    protocol: str
    counterparty: str
    desk: str
    firm: str
    """The desk: it holds its own part."""


class Target(Protocol):
    """A listed account or contract."""

    @property
    def address(self) -> str: ...  # noqa: D102 - as in `ContractListed`
    @property
    def protocol(self) -> str: ...  # noqa: D102 - as in `ContractListed`
    @property
    def counterparty(self) -> str: ...  # noqa: D102 - as in `ContractListed`


@dataclass(frozen=True, slots=True)
class Institution:
    """The subjects that genesis or governance lists, by which a limit's subject is checked."""

    principals: Collection[str]
    wallets: Collection[str]
    assets: Collection[str]
    targets: Collection[Target]
    desks: Collection[str]


@dataclass(frozen=True, slots=True)
class Scope:
    """The rules of one limit scope."""

    subject: Callable[[Subjects], str]
    """Returns the subject whose limit an order uses; empty for none."""
    known: Callable[[Institution], Collection[str]]
    """Returns the subjects that a limit may name beside everybody."""
    breaker: BreakerScope | None
    """The breaker that a breach trips; None for none."""
    in_parts: bool = False
    """A limit with a window is divided into allotments, one a desk, and names no subject."""


def _addresses(firm: Institution) -> Collection[str]:
    return {each.address for each in firm.targets}


SCOPES: Final[Mapping[LimitScope, Scope]] = MappingProxyType(
    {
        "trader": Scope(lambda of: of.trader, lambda firm: firm.principals, None),
        "wallet": Scope(lambda of: of.wallet, lambda firm: firm.wallets, "wallet"),
        "asset": Scope(lambda of: of.asset, lambda firm: firm.assets, "asset"),
        "destination": Scope(lambda of: of.destination, _addresses, "contract"),
        "contract": Scope(lambda of: of.contract, _addresses, "contract"),
        "protocol": Scope(
            lambda of: of.protocol, lambda firm: {each.protocol for each in firm.targets if each.protocol}, "protocol"
        ),
        "counterparty": Scope(
            lambda of: of.counterparty,
            lambda firm: {each.counterparty for each in firm.targets if each.counterparty},
            "counterparty",
        ),
        "desk": Scope(lambda of: of.desk, lambda firm: firm.desks, "desk"),
        # A breach of an allotment says nothing about other desks, so it trips its own desk's breaker.
        "firm": Scope(lambda of: of.firm, lambda _firm: (), "desk", in_parts=True),
    }
)


def known_subjects(firm: Institution) -> dict[LimitScope, Collection[str]]:
    """Return the subjects that a limit may name, by scope."""
    return {name: scope.known(firm) for name, scope in SCOPES.items()}
