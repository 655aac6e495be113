"""Defines the facts of a decision, by value (architecture, rule 5).

Anyone can run the same rules on these facts; anyone with the log can derive the facts again from the positions they name.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.firm import BreakerScope, BreakerState, LimitKind, LimitMeasure, Subject, Zone
from schemas.orders import Effect
from schemas.values import Address, AssetId, BaseUnits, Instant, PrincipalId, Record, Role, Sha256, Slug, Text, Usd


class PriceFact(Record):
    """The price of one asset at decision time."""

    asset_id: AssetId
    usd: Usd
    """Per whole unit of the asset."""
    source: Annotated[str, Field(max_length=100)]
    """`peg` when governance fixed it, else the observer's source."""
    observed_at: Instant
    log_offset: Annotated[int, Field(ge=-1)]
    """Offset on `price-observed`; -1 for a peg."""


class LimitFact(Record):
    """One limit as it stood before this order."""

    limit_id: Annotated[str, Field(max_length=120)]
    scope_key: Annotated[str, Field(max_length=200)]
    kind: LimitKind
    window_seconds: Annotated[int, Field(ge=0)]
    """The length of a rolling window; 0 for every other kind."""
    cap_usd: Usd
    used_usd: Usd
    """Reserved and posted within the window, before this order."""
    requested_usd: Usd
    exceeded: bool
    measure: LimitMeasure = "usd"
    """`count`: the three amounts in dollars are 0, and the counts below hold."""
    cap_count: Annotated[int, Field(ge=0)] = 0
    used_count: Annotated[int, Field(ge=0)] = 0
    requested_count: Annotated[int, Field(ge=0)] = 0
    counted_from: Instant = 0
    """Where the window began: what was posted before no longer counts."""
    zone: Zone = ""
    """Of a calendar day or month."""
    frees_at: Instant = 0
    """When enough of it will be free again for this order, if nothing else happens; 0: it is now, or never will be."""


class ContractFact(Record):
    """What governance had said about the contract or account the order goes to."""

    address: Address
    listed: bool
    name: Text = ""
    listed_at: Instant = 0
    open_findings: Annotated[int, Field(ge=0)] = 0
    protocol: Annotated[str, Field(max_length=63)] = ""
    counterparty: Annotated[str, Field(max_length=63)] = ""


class BreakerFact(Record):
    """A breaker that is tripped and concerns the order."""

    scope: BreakerScope
    subject: Subject
    state: BreakerState
    tripped_at: Instant


class SimulationFact(Record):
    """What the simulation of the exact transaction showed; policy sees it when it is asked again before signing."""

    slippage_ppm: int
    """Loss against independent prices in parts per million; negative is a gain, 0 where nothing was exchanged."""
    gas_used: Annotated[int, Field(ge=0)]
    touched: Annotated[int, Field(ge=0)]
    """Distinct contracts."""


class ApprovalFact(Record):
    """One approval that counts, and in which roles."""

    principal: PrincipalId
    site: Slug
    roles: list[Role]


class Facts(Record):
    """Everything that policy was evaluated on."""

    evaluated_at: Instant
    """The `now` of the decision: the age of a list entry is reckoned from here."""
    governance_position: Annotated[int, Field(ge=0)]
    """The last governance event that was folded."""
    policy_hash: Sha256
    initiator_roles: list[Role]
    initiator_site: Slug
    effect: Effect
    amount: BaseUnits
    amount_usd: Usd
    prices: list[PriceFact]
    limits: list[LimitFact]
    target: ContractFact
    breakers: list[BreakerFact]
    """Every tripped breaker whose scope and subject the order falls under."""
    reduces_exposure: bool
    """Whether the order only lowers exposure: what a breaker that is reducing lets pass."""
    evacuates: bool
    """Whether it moves funds to the wallet's holding address: what every breaker lets pass."""
    approvals: list[ApprovalFact]
    simulation: SimulationFact | None = None


class RuleFinding(Record):
    """A policy rule that determined the outcome."""

    rule_id: Annotated[str, Field(max_length=120)]
    effect: Literal["permit", "forbid"]
    reason: Text
    requires: Annotated[str, Field(max_length=200)] | None = None
    """A quorum such as `risk-officer:1` that would lift a forbid; none for a forbid that nothing lifts."""


class Unmet(Record):
    """A condition that stands between the order and its approval, and who could meet it."""

    requires: Annotated[str, Field(max_length=200)]
    """The quorum."""
    missing: Text
    """What is still to come, in words: `1 more risk-officer, from another site`."""
    could_approve: list[PrincipalId]
    """People who could be part of it now, in alphabetical order; at most 50."""
