"""Defines governance's values: rights, keys, limits, breakers, settings. The events that hold them name their source."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from schemas.values import Base64Url, DeskId, HexBytes, PrincipalId, Record, Role, Slug, Usd

EVERYBODY: Final = "*"
"""As a limit's subject: each trader, wallet, … on its own. As a breaker's: all of the scope; the firm's only subject."""

LimitScope = Literal["trader", "wallet", "asset", "destination", "contract", "protocol", "counterparty", "desk", "firm"]
LimitKind = Literal["per-transaction", "rolling", "calendar-day", "calendar-month"]
LimitMeasure = Literal["usd", "count"]
BreakerScope = Literal["firm", "desk", "wallet", "asset", "contract", "protocol", "counterparty"]
BreakerState = Literal["reducing", "open"]
"""Reducing: only what lowers exposure passes. Open: only cancelling, releasing, evacuating. Closed is the absence of both."""

Zone = Annotated[str, Field(max_length=60)]
"""An IANA time zone, such as `Europe/Zurich`."""
Subject = Annotated[str, Field(max_length=120)]
"""Whose: a principal, a wallet, an asset, an address, a protocol, a counterparty or a desk; `*` for `EVERYBODY`."""


class WebAuthnCredential(Record):
    """A FIDO2 key of a person."""

    credential_id: Base64Url
    public_key: HexBytes
    """COSE_Key (RFC 9052)."""


class SigningKey(Record):
    """An Ed25519 key of a system."""

    key_id: Annotated[str, Field(max_length=100)]
    public_key: HexBytes
    """32 bytes (RFC 8032)."""


class Access(Record):
    """A person or system, with all their rights."""

    principal: PrincipalId
    kind: Literal["person", "system"]
    status: Literal["active", "revoked"]
    roles: list[Role]
    site: Slug
    desks: list[DeskId]
    credentials: list[WebAuthnCredential]
    signing_keys: list[SigningKey]


class Allotment(Record):
    """The part of a firm-wide limit that one desk may use (architecture, rule 4)."""

    desk_id: DeskId
    cap_usd: Usd
    cap_count: Annotated[int, Field(ge=0)] = 0


class Limit(Record):
    """A cap on value or on the number of orders. One per transaction is a fact for policy; any other is never exceeded."""

    limit_id: Annotated[str, Field(max_length=120)]
    scope: LimitScope
    subject: Subject
    kind: LimitKind
    window_seconds: Annotated[int, Field(ge=0)]
    """The length of a rolling window; 0 for every other kind."""
    cap_usd: Usd
    """0 when orders are counted."""
    measure: LimitMeasure = "usd"
    cap_count: Annotated[int, Field(ge=0)] = 0
    """Orders within the window, when orders are counted; else 0."""
    zone: Zone = "UTC"
    """Where a calendar day or month begins."""
    allotments: list[Allotment] = Field(default_factory=list, json_schema_extra={"default": []})
    """Of the scope `firm`: together no more than the cap; a desk without one may use none of it."""
    trips: Literal["", "reducing", "open"] = ""
    """The state into which the breaker of what it limits is tripped when an order would go over it; empty: none."""


class Settings(Record):
    """The firm's numbers that are not limits."""

    order_ttl_seconds: Annotated[int, Field(ge=1)]
    """An order that is not approved by then expires; so does one that was flagged."""
    command_max_age_seconds: Annotated[int, Field(ge=1)]
    price_max_age_seconds: Annotated[int, Field(ge=1)]
    simulation_max_age_seconds: Annotated[int, Field(ge=1)]
    confirmation_depth: Annotated[int, Field(ge=1)]
    webauthn_rp_id: Annotated[str, Field(max_length=253)]
    webauthn_origins: list[str]
    zone: Zone = "UTC"
    """By which policy tells the hour and the weekday."""
    proposal_ttl_seconds: Annotated[int, Field(ge=1)] = 86_400
    """A proposal to governance that has no quorum by then expires."""
    rules_version: Annotated[int, Field(ge=2)] | None = None
    """The rules by which the firm decides while these settings are in force; none: the first."""
