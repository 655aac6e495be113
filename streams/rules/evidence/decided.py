"""Derives every fact and rule of a decision again, as of that decision. Pure.

The command, the wallet, the effect, the prices, the facts, the approvals, the limits and the reservation, the policy: each by
the same pure rules as the desk's, on governance as of the position that the decision names (architecture, rules 5, 7, 9, 10).
Left out: the order's standing today (`today`), and the bytes to be signed (`payload`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Final

from schemas.events.facts import Facts, PriceFact
from schemas.events.lifecycle import ApprovalGiven, PolicyEvaluated
from schemas.orders import ApprovalSubject
from schemas.values import MICROS_PER_SECOND, Instant
from streams.rules.breakers import open_breakers as breakers
from streams.rules.evidence.authority import Unproven, check_approval, check_initiation, given_of, is_same_touch
from streams.rules.evidence.case import Case, Decision, Moment
from streams.rules.firm.view import Governance
from streams.rules.limits.assessment import limit_facts, refusals, reservation
from streams.rules.limits.ledger import Adjustment, Ledger, amounts
from streams.rules.limits.subjects import Applied, applied, subjects_of
from streams.rules.orders.judging.facts import Circumstances, facts_of, target_of
from streams.rules.orders.steps.counted_approvals import standing
from streams.rules.policy.evaluation import evaluate
from streams.rules.prices.latest import is_stale, price_in


def falls_under(case: Case, moment: Moment) -> list[Applied]:
    """Return the limits that the order fell under at that moment."""
    effect = moment.effect(case.order)
    return applied(moment.policy.limits, subjects_of(case.order, effect, target_of(effect, moment.governance)))


def counted(case: Case, until_position: int) -> Iterator[ApprovalGiven]:
    """Yield the approvals of the present reservation that were not withdrawn before the desk's event at `until_position`.

    A withdrawn approval stays withdrawn, though the desk records it again: only a person's new touch is a new approval.
    """
    every = case.dossier.all(ApprovalGiven)
    for given in every:
        taken_back = (
            withdrawn.position < until_position
            and any(each.position < withdrawn.position and is_same_touch(each, given) for each in every)
            for withdrawn in case.dossier.withdrawn
            if withdrawn.approver == given.approver
        )
        if given.sequence > case.shape.reserved.sequence and not any(taken_back):
            yield given


def _check_command(case: Case) -> None:
    check_initiation(case.shape.initiated, case.dossier.splits, case.first.governance, case.first.policy)
    if case.shape.approved.order != case.order:
        raise Unproven("what was approved is not what was initiated")


def _check_wallet(case: Case) -> None:
    simulated = case.shape.simulated
    named = (simulated.wallet_id, simulated.wallet, case.order.desk_id)
    if named != (case.wallet.wallet_id, case.wallet.address, case.wallet.desk_id):
        raise Unproven("the wallet is not the one that governance assigned to the desk")


def _check_effect(case: Case) -> None:
    meant = case.allowed.effect(case.order)
    recorded = (case.first.said.facts.effect, case.allowed.said.facts.effect, case.shape.approved.effect)
    if recorded != (case.first.effect(case.order), meant, meant):
        raise Unproven("the recorded effect is not what the order would do")


def _check_prices(case: Case) -> None:
    simulated = case.shape.simulated
    for price, at, moment in chain(
        _prices(case.first),
        _prices(case.allowed),
        ((price, simulated.decided_at, case.today) for price in simulated.prices),
    ):
        if price != _seen(price, case, moment.governance):
            raise Unproven(f"the price of {price.asset_id} stands neither in governance nor at offset {price.log_offset}")
        if is_stale(price, at, moment.policy.settings.price_max_age_seconds):
            raise Unproven(f"the price of {price.asset_id} was too old, or not yet seen, when it was used")


def _prices(decision: Decision) -> Iterator[tuple[PriceFact, Instant, Moment]]:
    return ((price, decision.said.decided_at, decision) for price in decision.said.facts.prices)


def _seen(price: PriceFact, case: Case, governance: Governance) -> PriceFact | None:
    """Return the price as the log has it; None if the log has none."""
    asset, seen = governance.assets.get(price.asset_id), case.observed.get(price.log_offset)
    return None if asset is None else price_in({} if seen is None else {seen.asset_id: seen}, asset)


def _check_facts(case: Case) -> None:
    """Check that the facts approved on equal those derived from governance and prices; limits and approvals have own checks."""
    recorded, at, approved = case.allowed.said.facts, case.allowed.said.decided_at, case.shape.approved
    effect = case.allowed.effect(case.order)
    derived = facts_of(
        case.order,
        effect=effect,
        target=target_of(effect, case.allowed.governance),
        valued=case.allowed.valued(case.order, case.allowed.said),
        limits=recorded.limits,
        approvals=recorded.approvals,
        circumstances=Circumstances(case.allowed.governance, case.allowed.policy, {}),
        now=at,
    )
    wrong = [name for name in Facts.model_fields if getattr(recorded, name) != getattr(derived, name)]
    if wrong:
        raise Unproven(f"the facts that it was approved on are not those of the log: {', '.join(wrong)}")
    if (approved.policy_hash, approved.governance_position) != (recorded.policy_hash, recorded.governance_position):
        raise Unproven("it was not approved on the facts that policy allowed it on")


def _check_approvals(case: Case) -> None:
    """Check that each approval is of exactly this order, effect, policy and reservation, by a key valid at the time."""
    subject = ApprovalSubject(
        order=case.order,
        effect=case.allowed.effect(case.order),
        policy_hash=case.allowed.policy.policy_hash,
        reserved=case.shape.reserved.reserved,
    )
    given = list(counted(case, case.allowed.said.position))
    for each in given:
        taken_in = case.decision(_evaluation_after(case, each))
        check_approval(each, subject, taken_in.governance, taken_in.policy)
    stood = list(standing(map(given_of, given), case.order, case.allowed.governance))
    if not stood == case.allowed.said.facts.approvals == case.shape.approved.approvals:
        raise Unproven("the approvals that were counted are not those that people gave")
    ttl_seconds = case.first.policy.settings.order_ttl_seconds
    if case.shape.approved.decided_at >= case.first.said.decided_at + ttl_seconds * MICROS_PER_SECOND:
        raise Unproven("the order had expired when it was approved")


def _evaluation_after(case: Case, given: ApprovalGiven) -> PolicyEvaluated:
    """Return the evaluation that counted an approval: the next one, which a chain of this shape has."""
    return next(each for each in case.dossier.all(PolicyEvaluated) if each.sequence > given.sequence)


def _check_limits(case: Case) -> None:
    facts, first = case.allowed.said.facts, case.first
    worth = first.valued(case.order, first.said).amount_usd
    alone = limit_facts(Ledger(), falls_under(case, first), worth, first.said.decided_at)
    if case.shape.reserved.reserved != reservation(alone):
        raise Unproven("what was reserved is not what the order was worth")
    # The enclave's own count is entered as reserved in a separate ledger; the order's own part is requested on top of it.
    reckoned = Ledger.reckoned(case.dossier.used)
    kept = Adjustment(kept=amounts(case.shape.reserved.reserved))
    derived = limit_facts(reckoned, falls_under(case, case.allowed), facts.amount_usd, facts.evaluated_at, kept)
    if derived != facts.limits:
        wrong = [f"{d.limit_id} of {d.scope_key}: {d.used_usd} USD used" for d in derived if d not in facts.limits]
        raise Unproven(f"the limits are not as recorded; reckoned from the log: {', '.join(wrong) or 'fewer of them'}")
    for exceeded in refusals(derived):
        raise Unproven(exceeded.message)


def _check_policy(case: Case) -> None:
    said = case.allowed.said
    evaluation = evaluate(case.allowed.policy, case.order, said.facts)
    if evaluation.outcome != "allowed" or list(evaluation.rules) != said.rules or said.refusals or said.requires:
        reasons = [*(refusal.message for refusal in evaluation.refusals), *evaluation.requires]
        raise Unproven(f"policy, evaluated again, does not allow the order so: {'; '.join(reasons) or 'by other rules'}")
    for stop in breakers.stops(said.facts):
        raise Unproven(f"it was allowed against a breaker: {stop}")


CHECKS: Final[tuple[tuple[str, Callable[[Case], None]], ...]] = (
    ("command", _check_command),
    ("wallet", _check_wallet),
    ("effect", _check_effect),
    ("prices", _check_prices),
    ("facts", _check_facts),
    ("approvals", _check_approvals),
    ("limits", _check_limits),
    ("policy", _check_policy),
)
