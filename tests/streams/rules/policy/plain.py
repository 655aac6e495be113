"""Evaluates policy the slow and obvious way: all rules, the whole context, the schema, parsed from text each time."""

from __future__ import annotations

import cedarpy

from schemas.events.facts import Facts
from schemas.events.governance import PolicyActivated
from schemas.orders import Order
from streams.rules.policy.cedar.asking import entities_json, request
from streams.rules.policy.context.orders import ORDER, Proposal, order_scene, order_things
from streams.rules.policy.quorum import tally
from tests.streams.rules.policy.proposals import QUORUMS


def decision(policy: PolicyActivated, order: Order, facts: Facts) -> tuple[bool, frozenset[str], bool]:
    """Returns the decision, the @id of each rule that determined it, and True if some rule could not be evaluated."""
    scene, things = order_scene(order, facts), order_things(order)
    proposal = Proposal(order, facts, tally(facts.approvals, order.initiator, QUORUMS), policy.settings.zone)
    context = {name: tell(proposal) for name, tell in ORDER.terms.items()}
    said = cedarpy.is_authorized(request(scene, context), policy.cedar, entities_json(scene, things), policy.cedar_schema)
    errors = said.diagnostics.errors
    return said.allowed and not errors, frozenset(said.diagnostics.id_annotations_by_reason.values()), bool(errors)
