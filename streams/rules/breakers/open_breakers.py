"""Lists the tripped breakers that concern an order, and decides that it may pass all the same (mission, breakers).

A hard check beside policy, which no rule and no approval lifts. An open breaker lets only evacuations pass. A reducing breaker
also lets an order pass that lowers exposure and does not raise it to the breaker's own subject: for a contract, a protocol or a
counterparty, the order must put nothing in; for an asset, it must not buy it. A breaker of a whole scope (`*`) concerns every
order, because an order whose protocol or counterparty is not listed may belong to any. Cancelling, declining and withdrawing
are no orders and are never stopped. The later stages check again: execution, the signer, and broadcast before it sends.
Left out: tripping and resetting (`streams.governance`), and the meaning of lower exposure (`exposure`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, assert_never

from schemas.events.base import Refusal
from schemas.events.facts import BreakerFact
from schemas.firm import EVERYBODY, BreakerScope, Subject
from schemas.orders import Effect
from streams.rules.firm.view import Governance
from streams.rules.limits.scopes import Subjects
from streams.rules.refusals.orders import BreakerOpen, BreakerReducing, Refused


class Concerned(Protocol):
    """An order with the attributes that breakers are matched against: `Facts`, or an `after_approval.Passage`."""

    @property
    def effect(self) -> Effect: ...  # noqa: D102 - as in `Facts`
    @property
    def breakers(self) -> Sequence[BreakerFact]: ...  # noqa: D102 - as in `Facts`
    @property
    def reduces_exposure(self) -> bool: ...  # noqa: D102 - as in `Facts`
    @property
    def evacuates(self) -> bool: ...  # noqa: D102 - as in `Facts`


def concerning(governance: Governance, subjects: Subjects, effect: Effect) -> list[BreakerFact]:
    """Return the tripped breakers of an order of `subjects`, by scope and subject. Addresses compare without case."""
    concerned = {(scope, subject.lower()) for scope, subject in _places(subjects, effect) if subject}
    return [
        BreakerFact(scope=tripped.scope, subject=tripped.subject, state=tripped.state, tripped_at=tripped.decided_at)
        for (scope, subject), tripped in sorted(governance.breakers.items())
        if subject == EVERYBODY or (scope, subject.lower()) in concerned
    ]


def stops(facts: Concerned) -> list[Refused]:
    """Return a refusal for every breaker that stops the order."""
    return [_stop(breaker) for breaker in facts.breakers if not _passes(breaker, facts)]


def refusals(facts: Concerned) -> list[Refusal]:
    """Return these refusals as an event records them."""
    return [stop.record() for stop in stops(facts)]


def _passes(breaker: BreakerFact, facts: Concerned) -> bool:
    return facts.evacuates or (breaker.state == "reducing" and facts.reduces_exposure and _lowers(breaker, facts.effect))


def _lowers(breaker: BreakerFact, effect: Effect) -> bool:
    """Return True if an exposure-lowering order with this effect does not raise exposure to the breaker's subject."""
    match breaker.scope:
        case "contract" | "protocol" | "counterparty":
            return effect.spends == 0
        case "asset":
            return effect.spends == 0 or effect.receives_asset_id != breaker.subject
        case "firm" | "desk" | "wallet":
            return True
        case _ as unknown:
            assert_never(unknown)


def _places(subjects: Subjects, effect: Effect) -> Iterator[tuple[BreakerScope, Subject]]:
    """Yield every subject that an order touches: both assets of a swap; the contract and the counterparty of a call."""
    yield "desk", subjects.desk
    yield "wallet", subjects.wallet
    yield "protocol", subjects.protocol
    yield "counterparty", subjects.counterparty
    yield "asset", effect.spends_asset_id
    yield "asset", effect.receives_asset_id or ""
    yield "contract", effect.contract
    yield "contract", effect.counterparty


def _stop(breaker: BreakerFact) -> Refused:
    place = "the firm" if breaker.scope == "firm" else f"{breaker.scope} {breaker.subject}"
    refused = BreakerOpen if breaker.state == "open" else BreakerReducing
    return refused(place=place, scope=breaker.scope, subject=breaker.subject)
