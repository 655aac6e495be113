"""Whether an order is allowed: the firm's Cedar policy, asked about one order and the facts about it (architecture, rule 8).

Nothing is allowed unless a rule permits it; a forbid wins over every permit; a rule that cannot be evaluated denies, since
Cedar would skip it, and a forbid that is skipped allows. A denial whose forbids all carry `@requires`, of an order that
some rule permits, needs approvals; any other denial is a refusal. All forbids that matched are named, not only the first.
Leaves out what is checked before policy (well-formed amounts, whose wallet it is) and rolling limits, which no rule lifts.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import ROUND_CEILING
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple

import cedarpy

from schemas.events.base import Refusal
from schemas.events.facts import Facts, RuleFinding
from schemas.events.governance import PolicyActivated
from schemas.orders import ApproveToken, Order, Swap
from schemas.values import BaseUnits, PrincipalId, Role, Slug
from streams.policy import quorum
from streams.policy.ruleset import PolicyInvalid, Rule, Ruleset, Selection, ready

UNLIMITED_ALLOWANCE_MIN: Final = 2**128
"""In base units: no token has so many, so an allowance of as much or more has no bound in practice."""
UNLIMITED_ALLOWANCE_96_BITS: Final = 2**96 - 1
"""What tokens that count in 96 bits (UNI, COMP) take as an allowance without bound."""
DAY_MICROS: Final = 24 * 60 * 60 * 1_000_000
ENTITIES_CACHED_MAX: Final = 4_096
EVALUATION_ERROR: Final = "policy-evaluation-error"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What policy said of an order. Allowed: no refusals, nothing required. Needs approval: only `requires`."""

    outcome: Literal["allowed", "needs-approval", "refused"]
    rules: tuple[RuleFinding, ...]
    """The permits that allowed, or the forbids that denied, in the order of the policy's text."""
    requires: tuple[str, ...]
    """Quorums still to be met, in alphabetical order; empty when nothing could lift the denial."""
    refusals: tuple[Refusal, ...]


def evaluate(policy: PolicyActivated, order: Order, facts: Facts) -> Evaluation:
    """Return what `policy` says of `order`. Depends on nothing else; never raises: what cannot be evaluated is refused."""
    try:
        ruleset = ready(policy.cedar, policy.cedar_schema)
    except PolicyInvalid as error:
        return Evaluation("refused", (), (), (_unreadable(policy, error),))
    selection = ruleset.by_action[_action(order)]
    answer = _ask(selection.every, ruleset.schema, order, facts)
    if answer.allowed and not answer.diagnostics.errors:
        return Evaluation("allowed", _findings(_determining(ruleset, answer)), (), ())
    return _denial(ruleset, selection, answer, order, facts)


def _denial(ruleset: Ruleset, selection: Selection, answer: cedarpy.AuthzResult, order: Order, facts: Facts) -> Evaluation:
    forbids = [rule for rule in _determining(ruleset, answer) if rule.effect == "forbid"]
    refusals = [_broken(error) for error in answer.diagnostics.errors]
    refusals += [_forbidden(rule, order, facts) for rule in forbids if rule.requires is None]
    # A forbid hides whether anything permits the order. Nobody shall be asked to approve what no rule permits.
    if not _ask(selection.permits, ruleset.schema, order, facts).allowed:
        refusals.append(_unpermitted(order, facts))
    if refusals:
        return Evaluation("refused", _findings(forbids), (), tuple(refusals))
    requires = sorted({rule.requires for rule in forbids if rule.requires is not None})
    return Evaluation("needs-approval", _findings(forbids), tuple(requires), ())


class _User(NamedTuple):
    principal: PrincipalId
    site: Slug
    roles: tuple[Role, ...]


class _Target(NamedTuple):
    uid: str
    listed: bool
    name: str
    open_findings: int
    listed_days: int


def _ask(policies: cedarpy.PolicySet, schema: cedarpy.Schema, order: Order, facts: Facts) -> cedarpy.AuthzResult:
    user = _User(order.initiator, facts.initiator_site, tuple(facts.initiator_roles))
    target = _target(facts)
    request = {
        "principal": {"type": "User", "id": user.principal},
        "action": {"type": "Action", "id": _action(order)},
        "resource": {"type": "Target", "id": target.uid},
        "context": json.dumps(_context(order, facts)),
    }
    return cedarpy.is_authorized(request, policies, _entities(user, target), schema)


def _target(facts: Facts) -> _Target:
    fact = facts.target
    return _Target(
        uid=f"{facts.effect.chain_id}:{fact.address}",
        listed=fact.listed,
        name=fact.name,
        open_findings=fact.open_findings,
        listed_days=(facts.evaluated_at - fact.listed_at) // DAY_MICROS if fact.listed else 0,
    )


@lru_cache(maxsize=ENTITIES_CACHED_MAX)
def _entities(user: _User, target: _Target) -> cedarpy.Entities:
    attributes = target._asdict()
    parents = [{"type": "Role", "id": role} for role in user.roles]
    entities = [
        {"uid": {"type": "Target", "id": attributes.pop("uid")}, "attrs": attributes, "parents": []},
        {"uid": {"type": "User", "id": user.principal}, "attrs": {"site": user.site}, "parents": parents},
    ]
    return cedarpy.Entities.from_json_str(json.dumps(entities))


def _action(order: Order) -> str:
    """Return the Cedar action of the order's kind: `approve_token` on the wire is `approve-token` in policies."""
    return order.action.kind.replace("_", "-")


def _context(order: Order, facts: Facts) -> dict[str, Any]:
    approvals = quorum.tally(facts.approvals, order.initiator)
    exceeded = [limit.limit_id for limit in facts.limits if limit.kind == "per-transaction" and limit.exceeded]
    action = order.action
    return {
        "desk": order.desk_id,
        "wallet": order.wallet_id,
        "asset": action.asset_id,
        "amount_usd_cents": int((facts.amount_usd * 100).to_integral_value(ROUND_CEILING)),
        "transaction_limits_exceeded": exceeded,
        "max_slippage_basis_points": action.max_slippage if isinstance(action, Swap) else 0,
        "unlimited_allowance": isinstance(action, ApproveToken) and _is_unlimited(facts.amount),
        "breakers_open": _tripped(facts),
        "quorums": approvals.quorums,
        "approvers": approvals.people,
    }


def _is_unlimited(allowance: BaseUnits) -> bool:
    return allowance >= UNLIMITED_ALLOWANCE_MIN or allowance == UNLIMITED_ALLOWANCE_96_BITS


def _determining(ruleset: Ruleset, answer: cedarpy.AuthzResult) -> list[Rule]:
    reasons = set(answer.diagnostics.reasons)
    return [rule for rule_id, rule in ruleset.rules.items() if rule_id in reasons]


def _findings(rules: list[Rule]) -> tuple[RuleFinding, ...]:
    return tuple(
        RuleFinding(rule_id=rule.rule_id, effect=rule.effect, reason=rule.reason, requires=rule.requires) for rule in rules
    )


def _forbidden(rule: Rule, order: Order, facts: Facts) -> Refusal:
    return Refusal(check=rule.rule_id, message=f"{rule.reason} ({_circumstances(order, facts)})", remedy=rule.remedy)


def _circumstances(order: Order, facts: Facts) -> str:
    name = facts.target.name[:100] or "no listed name"
    text = f"{_action(order)} of {facts.amount_usd:,.2f} USD, {facts.target.address}: {name}"
    if facts.breakers:
        text += f"; tripped: {', '.join(_tripped(facts))}"[:200]
    return text


def _tripped(facts: Facts) -> list[str]:
    return [f"{breaker.scope}:{breaker.subject} ({breaker.state})" for breaker in facts.breakers]


def _unpermitted(order: Order, facts: Facts) -> Refusal:
    roles = ", ".join(facts.initiator_roles)[:200] or "none"
    return Refusal(
        check="no-rule-permits",
        message=f"No rule of the policy permits {order.initiator} to propose a {_action(order)} (roles: {roles}).",
        remedy="Let somebody place the order whose role may propose it, or have governance grant the role.",
    )


def _broken(error: str) -> Refusal:
    return Refusal(
        check=EVALUATION_ERROR,
        message=f"A rule could not be evaluated, so nothing is allowed: {' '.join(error.split())}"[:500],
        remedy="Have the policy's author correct the rule and governance activate it, then place the order again.",
    )


def _unreadable(policy: PolicyActivated, error: PolicyInvalid) -> Refusal:
    return Refusal(
        check="policy-invalid",
        message=f"Version {policy.version} of the policy cannot be used, so nothing is allowed: {error}"[:500],
        remedy="Have governance activate a policy that passes its review, then place the order again.",
    )
