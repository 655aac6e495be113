"""Whether a policy's settings could work: origins that WebAuthn accepts, a time zone that exists.

For genesis and for every policy that is proposed after it. Pure. Source: WebAuthn Level 3, section 5.1.3; the IANA time zone
database.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from schemas.firm import Settings
from streams.rules.limits.windows import zones


def problems(settings: Settings) -> Iterator[str]:
    """Yield everything that speaks against `settings`, a sentence each."""
    yield from _origins(settings)
    yield from _zone(settings)


def _origins(settings: Settings) -> Iterator[str]:
    """Yield what WebAuthn would not accept: an origin that is not secure or not of the RP ID."""
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
