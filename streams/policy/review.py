"""Whether a policy may be put in force: that it can be asked, that its quorums can be met, that it lets somebody do something.

Reads the text (`streams.policy.ruleset`), has Cedar check every rule against the policy's own schema, then asks it about
orders as harmless as orders can be, one for each set of roles that somebody holds and each action. A policy that denies all
of these stops the firm, and one that cannot be evaluated on them does not fit what the desk tells it.
Pure. Source: architecture, rule 8. Leaves out back-testing against the log.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final, Literal

import cedarpy

from schemas.events.facts import ContractFact, Facts
from schemas.events.governance import AccessChanged, PolicyActivated
from schemas.orders import Action, ApproveToken, Effect, Order, Swap, Transfer
from schemas.values import Role
from streams.policy import evaluation, quorum
from streams.policy.ruleset import PolicyInvalid, Rule, ready

POLICY_CHARACTERS_MAX: Final = 200_000

_SOMEWHERE: Final = "0x00000000000000000000000000000000000000AA"
_NOBODY: Final = "probe"
_PROBES: Final[tuple[Action, ...]] = (
    Transfer(asset_id="USD", amount=Decimal("0.01"), destination=_SOMEWHERE),
    Swap(
        asset_id="USD",
        amount=Decimal("0.01"),
        buy_asset_id="EUR",
        venue=_SOMEWHERE,
        pool_fee=100,
        max_slippage=0,
    ),
    ApproveToken(asset_id="USD", amount=Decimal("0.01"), spender=_SOMEWHERE),
)
_LONG_AFTER_LISTING: Final = 100 * 365 * evaluation.DAY_MICROS


def problems(policy: PolicyActivated, access: Sequence[AccessChanged]) -> Iterator[str]:
    """Yield everything that speaks against `policy` for a firm of `access`, a sentence each; nothing when it may be used."""
    if len(policy.cedar) + len(policy.cedar_schema) > POLICY_CHARACTERS_MAX:
        yield f"policy: longer than {POLICY_CHARACTERS_MAX} characters"
        return
    try:
        ruleset = ready(policy.cedar, policy.cedar_schema)
    except PolicyInvalid as error:
        yield from (f"policy: {problem}" for problem in error.problems)
        return
    mistyped = list(_mistyped(policy))
    yield from mistyped
    yield from (problem for rule in ruleset.rules.values() for problem in _unmeetable(rule, access))
    if not mistyped:
        yield from _denies_everything(policy, access)


def _mistyped(policy: PolicyActivated) -> Iterator[str]:
    """Yield what Cedar's validator says, under the rules' own names."""
    found = cedarpy.validate_policies(policy.cedar, policy.cedar_schema)
    for error in found.errors:
        name = found.id_annotations_by_policy_id.get(error.policy_id, error.policy_id)
        yield f"policy: {name}: {' '.join(error.error.split())}"


def _unmeetable(rule: Rule, access: Sequence[AccessChanged]) -> Iterator[str]:
    if rule.requires is None:
        return
    needed = quorum.parse(rule.requires)
    holders = sorted(each.principal for each in access if each.kind == "person" and needed.role in each.roles)
    if not holders:
        yield f'policy: {rule.rule_id} requires {needed}, but nobody has the role "{needed.role}"'
    elif len(holders) < needed.people:
        yield f"policy: {rule.rule_id} requires {needed}, but only {', '.join(holders)} can give it"


def _denies_everything(policy: PolicyActivated, access: Sequence[AccessChanged]) -> Iterator[str]:
    asked = [(roles, action) for roles in sorted({tuple(each.roles) for each in access}) for action in _PROBES]
    answers = [evaluation.evaluate(policy, _order(action), _facts(policy, roles)) for roles, action in asked]
    broken = {r.message for a in answers for r in a.refusals if r.check == evaluation.EVALUATION_ERROR}
    yield from (f"policy: does not fit what the desk tells it: {message}" for message in sorted(broken))
    outcomes: set[Literal["allowed", "needs-approval", "refused"]] = {answer.outcome for answer in answers}
    if not broken and outcomes <= {"refused"}:
        yield "policy: denies everything: nobody listed could do even the smallest thing with a listed target"


def _order(action: Action) -> Order:
    nil = "00000000-0000-0000-0000-000000000000"
    return Order(order_id=nil, desk_id=_NOBODY, wallet_id=_NOBODY, initiator=_NOBODY, action=action)


def _facts(policy: PolicyActivated, roles: tuple[Role, ...]) -> Facts:
    effect = Effect(
        chain_id=1,
        wallet=_SOMEWHERE,
        contract=_SOMEWHERE,
        call="probe()",
        spends_asset_id="USD",
        spends=1,
        counterparty=_SOMEWHERE,
    )
    return Facts(
        evaluated_at=_LONG_AFTER_LISTING,
        governance_position=0,
        policy_hash=policy.policy_hash,
        initiator_roles=list(roles),
        initiator_site=_NOBODY,
        effect=effect,
        amount=1,
        amount_usd=Decimal("0.01"),
        prices=[],
        limits=[],
        target=ContractFact(address=_SOMEWHERE, listed=True, name=_NOBODY),
        breakers=[],
        reduces_exposure=False,
        evacuates=False,
        approvals=[],
    )
