"""Evaluates the firm's Cedar policy on one order and its facts (architecture, rule 8).

Depends on the policy, the order and the facts alone. Left out: checks made before policy (form of amounts, the wallet's desk),
limits with a window, which no rule lifts, and breakers, which stop an order whatever the rules say.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from schemas.events.facts import Facts
from schemas.events.governance import PolicyActivated
from schemas.orders import Order
from streams.rules.policy.cedar.asking import ask
from streams.rules.policy.conformity import fitting
from streams.rules.policy.context.orders import ORDER, Proposal, order_action, order_scene, order_things
from streams.rules.policy.quorum import tally
from streams.rules.policy.ruleset import PolicyInvalid
from streams.rules.policy.verdict import EVALUATION_ERROR, Evaluation, Told, unreadable, weigh

__all__ = ["EVALUATION_ERROR", "Evaluation", "evaluate"]

NAME_CHARACTERS_MAX: Final = 100
BREAKERS_CHARACTERS_MAX: Final = 200

_INSTEAD: Final = "Ask somebody with a role that may propose it to place the order, or have governance grant the role."


def evaluate(policy: PolicyActivated, order: Order, facts: Facts) -> Evaluation:
    """Evaluate `policy` on `order`. Never raises: a policy that cannot be evaluated refuses."""
    zone = policy.settings.zone
    try:
        ruleset = fitting(policy.cedar, policy.cedar_schema, zone)
    except PolicyInvalid as error:
        return unreadable(policy, error)
    action, scene = order_action(order), order_scene(order, facts)
    counted = tally(facts.approvals, order.initiator, ruleset.by_action[action].quorums)
    proposal = Proposal(order, facts, counted, zone)
    told = Told(order.initiator, facts.initiator_roles, f"propose a {action}", _INSTEAD, partial(_circumstances, order, facts))
    return weigh(ruleset, action, lambda rules: ask(rules, scene, ORDER, proposal, order_things(order)), told)


def _circumstances(order: Order, facts: Facts) -> str:
    name = facts.target.name[:NAME_CHARACTERS_MAX] or "no listed name"
    text = f"{order_action(order)} of {facts.amount_usd:,.2f} USD, {facts.target.address}: {name}"
    if facts.breakers:
        tripped = ", ".join(f"{each.scope}:{each.subject} is {each.state}" for each in facts.breakers)
        text += f"; {tripped}"[:BREAKERS_CHARACTERS_MAX]
    return text
