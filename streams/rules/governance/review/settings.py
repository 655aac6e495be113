"""Finds settings that could not work: origins that WebAuthn refuses, an unknown time zone, a version of the rules out of order.

For genesis and for every policy that is proposed after it. Pure. Source: WebAuthn Level 3, section 5.1.3; the IANA time zone
database; docs/adr/0018.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from schemas.firm import Settings
from streams.rules.limits.windows import zones
from streams.rules.versions import NEWEST, Rules


def problems(settings: Settings, present: Rules = Rules.FIRST) -> Iterator[str]:
    """Yield everything that speaks against `settings`, a sentence each. `present`: the rules in force."""
    yield from _origins(settings)
    yield from _zone(settings)
    yield from _rules(settings.rules_version, present)


def _origins(settings: Settings) -> Iterator[str]:
    """Yield origins that WebAuthn would not accept: an origin that is not secure or not of the RP ID."""
    if not settings.webauthn_origins:
        yield "settings: no webauthn_origins, so nobody could approve anything"
    for origin in settings.webauthn_origins:
        parts = urlsplit(origin)
        host = parts.hostname or ""
        if parts.scheme != "https" and not (parts.scheme == "http" and host == "localhost"):
            yield f"settings: origin {origin} is not https"
        if host != settings.webauthn_rp_id and not host.endswith(f".{settings.webauthn_rp_id}"):
            yield f"settings: origin {origin} does not belong to webauthn_rp_id {settings.webauthn_rp_id}"


def _zone(settings: Settings) -> Iterator[str]:
    if settings.zone not in zones():
        yield f"settings: there is no time zone {settings.zone}; zones are named as in Europe/Zurich"


def _rules(named: int | None, present: Rules) -> Iterator[str]:
    """Yield a version that goes back, or that this software could not decide by."""
    version = named or Rules.FIRST
    if version < present:
        yield f"settings: rules_version {version} is before version {present} in force; name {present} or a later one"
    if version > NEWEST:
        yield f"settings: rules_version {version} is unknown to this software, which knows up to {NEWEST}; upgrade it first"
