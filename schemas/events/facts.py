"""What a decision was made on, by value (architecture, rule 5).

Anyone can run the same rules on these facts; anyone with the log can derive the facts again from the positions they name.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

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
    kind: Literal["per-transaction", "rolling"]
    window_seconds: Annotated[int, Field(ge=0)]
    """0 for a limit per transaction."""
    cap_usd: Usd
    used_usd: Usd
    """Reserved and posted within the window, before this order."""
    requested_usd: Usd
    exceeded: bool


class ContractFact(Record):
    """What governance had said about the contract or account the order goes to."""

    address: Address
    listed: bool
    name: Text = ""
    listed_at: Instant = 0
    open_findings: Annotated[int, Field(ge=0)] = 0


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
    breakers_open: list[str]
    approvals: list[ApprovalFact]


class RuleFinding(Record):
    """A policy rule that determined the outcome."""

    rule_id: Annotated[str, Field(max_length=120)]
    effect: Literal["permit", "forbid"]
    reason: Text
    requires: Annotated[str, Field(max_length=200)] | None = None
    """A quorum such as `risk-officer:1` that would lift a forbid; none for a forbid that nothing lifts."""
