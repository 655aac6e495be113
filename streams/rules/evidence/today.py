"""Checks that an order still holds at the time of signing, under the newest governance and after its simulation. Pure.

Decides that nobody cancelled the order between decision and signature; that its command is recent by the time its initiator
signed (the desk states all later times); that its initiator still has the rights and the key; that no tripped breaker stops
it; that the signing keys may sign (`keys`); and that today's limits and policy allow it with the remaining approvals. An
approval no longer counts if it was withdrawn, or if its approver lost the role or the key since (mission, approvals;
architecture, rule 15). The order keeps its reservation, and its value at approval.
A cancellation or a withdrawal is believed without its signature: it can only prevent a signature.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from schemas.canonical import command_digest
from schemas.events.base import Refusal
from schemas.events.facts import Facts, SimulationFact
from schemas.values import MICROS_PER_SECOND
from streams.rules.access.desk_rights import authenticate
from streams.rules.breakers import open_breakers as breakers
from streams.rules.evidence.authority import COUNTERS_UNKNOWN, Overtaken, Unproven, given_of
from streams.rules.evidence.case import Case
from streams.rules.evidence.decided import counted, falls_under
from streams.rules.evidence.keys import check_keys
from streams.rules.limits.assessment import limit_facts, refusals
from streams.rules.limits.ledger import Adjustment, amounts
from streams.rules.orders.judging.facts import Circumstances, facts_of, target_of
from streams.rules.orders.steps.counted_approvals import standing
from streams.rules.policy.evaluation import evaluate

WAITED_SECONDS_MAX: Final = 86_400
"""Seconds beside the time limit for approval: for a node that is down, for earlier orders, for policy changes."""
PLACE_AGAIN: Final = "nothing was signed; place the order again when it is allowed"


def _check_cancelled(case: Case) -> None:
    cancelled = case.dossier.cancelled
    if cancelled is not None:
        by = cancelled.command.principal
        raise Overtaken(f"{by} cancelled the order before it was signed", "nothing: nothing was signed")


def _check_rights(case: Case) -> None:
    """Check that the initiator still has access and the key, that the command is recent, and that the effect is unchanged."""
    command, today = case.shape.initiated.command, case.today
    age_max = today.policy.settings.order_ttl_seconds + WAITED_SECONDS_MAX
    if case.now - command.issued_at > age_max * MICROS_PER_SECOND:
        raise Overtaken(f"the order was asked for more than {age_max} s ago", PLACE_AGAIN)
    # If governance has not moved, the check at the decision already gave this answer.
    if today.governance.position != case.first.governance.position:
        authenticate(command, command_digest(command), today.governance, today.policy.settings, COUNTERS_UNKNOWN)
    if today.effect(case.order) != case.shape.approved.effect:
        raise Unproven("under today's governance the order would do something else than what was approved")


def _check_breakers(case: Case) -> None:
    for stop in breakers.stops(_facts(case)):
        refusal = stop.record()
        raise Overtaken(refusal.message, refusal.remedy)


def _check_policy(case: Case) -> None:
    facts = _facts(case)
    for exceeded in refusals(facts.limits):
        raise Overtaken(exceeded.message, exceeded.remedy)
    evaluation = evaluate(case.today.policy, case.order, facts)
    if evaluation.outcome == "refused":
        raise Overtaken(_told(evaluation.refusals), evaluation.refusals[0].remedy)
    if evaluation.outcome == "needs-approval":
        missing = ", ".join(evaluation.requires)
        raise Overtaken(f"with the approvals that still stand, policy asks for {missing}", PLACE_AGAIN)


def _told(reasons: tuple[Refusal, ...]) -> str:
    return f"policy no longer allows it: {'; '.join(reason.message for reason in reasons)}"


def _facts(case: Case) -> Facts:
    """Return the facts as they are now, with the simulation's effects."""
    order, today, simulated = case.order, case.today, case.shape.simulated
    effect = today.effect(order)
    valued = today.valued(order, case.allowed.said)
    own = amounts(case.shape.reserved.reserved)
    adjustment = Adjustment(moved={key: -amount for key, amount in own.items()}, kept=own)
    given = map(given_of, counted(case, case.dossier.position + 1))
    facts = facts_of(
        order,
        effect=effect,
        target=target_of(effect, today.governance),
        valued=valued,
        limits=limit_facts(case.dossier.ledger, falls_under(case, today), valued.amount_usd, case.now, adjustment),
        approvals=list(standing(given, order, today.governance)),
        circumstances=Circumstances(today.governance, today.policy, {}),
        now=case.now,
    )
    shown = SimulationFact(
        slippage_ppm=simulated.slippage_ppm or 0, gas_used=simulated.gas_used, touched=len(set(simulated.touched))
    )
    return facts.model_copy(update={"simulation": shown})


CHECKS: Final[tuple[tuple[str, Callable[[Case], None]], ...]] = (
    ("cancelled", _check_cancelled),
    ("rights", _check_rights),
    ("breakers", _check_breakers),
    ("key", check_keys),
    ("policy-today", _check_policy),
)
