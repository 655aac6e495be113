"""`judge`: from what the log says about one order to a verdict, without trusting whoever wrote it (architecture, rule 10).

Pure: evidence in, verdict out. Every check derives something again, by the same pure rules as whoever wrote it, and compares;
the first that fails refuses, by name. Shared by the enclave and by whoever verifies its signatures later.

Rules it enforces, in order: the chain's shape; the initiator's command; the wallet; the decoded effect; the prices, each on the
log and fresh; the facts; every approval's assertion; the limits, reckoned again, and the reservation; the policy, evaluated
again; the simulation; and that the exact bytes to be signed are this order's call, on its chain, for a bounded fee.
Left out: nonces (the enclave's own memory, `decider`), breakers (no event trips one yet), the wallet's own velocity cap, and
what the simulation saw on the chain, which only a node can tell.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from infra.chain import transaction
from infra.chain.calldata import CalldataRefused
from schemas.events.base import OrderEvent, Refusal
from schemas.events.facts import Facts, PriceFact
from schemas.events.governance import PolicyActivated, WalletAssigned
from schemas.events.lifecycle import ApprovalGiven, Approved, OrderInitiated, PolicyEvaluated, Simulated
from schemas.events.limits import LimitReleased, LimitReserved
from schemas.orders import ApprovalSubject, Effect, Order, Swap
from schemas.values import TEXT_CHARACTERS_MAX, Instant
from streams.desk.judging.effect import effect_of
from streams.desk.judging.facts import Circumstances, Valued, facts_of, target_of, value
from streams.desk.limits.assessment import limit_facts, refusals, reservation
from streams.desk.limits.ledger import Adjustment, Ledger, amounts
from streams.desk.limits.subjects import applied, subjects_of
from streams.desk.orders.approvals import standing
from streams.desk.refusals import Refused
from streams.execution.compilation import NotCompilable, compile_call
from streams.execution.valuation import PPM_PER_BASIS_POINT
from streams.governance.view import Governance
from streams.policy.evaluation import evaluate
from streams.prices.view import SKEW_SECONDS_MAX, is_stale, price_in
from streams.signing.authority import Unproven, check_approval, check_initiation
from streams.signing.dossier import Dossier

MICROS_PER_SECOND: Final = 1_000_000
GWEI: Final = 10**9
FEE_PER_GAS_WEI_MAX: Final = 1_000 * GWEI
"""No transaction pays more: a fee is value leaving the wallet that no limit counts."""
GAS_LIMIT_MAX: Final = 5_000_000
FEE_WEI_MAX: Final = 10**18
"""For all of a transaction's gas together."""

Unsignable = (Unproven, Refused, transaction.TransactionInvalid, NotCompilable, CalldataRefused, ValidationError)
"""What deriving something again can end in, when the log does not hold."""
_BETWEEN: Final = (LimitReserved, LimitReleased, PolicyEvaluated, ApprovalGiven)
"""The only links that a desk writes between an order's initiation and its approval."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `judge` found: the names of all checks passed, and the refusal of the one that failed, if one did."""

    passed: tuple[str, ...]
    refusal: Refusal | None = None
    policy_hash: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """One order's evidence with its links by role."""

    dossier: Dossier
    governance: Governance
    policy: PolicyActivated
    observed: Mapping[int, PriceFact]
    now: Instant
    wallet: WalletAssigned
    initiated: OrderInitiated
    reserved: LimitReserved
    """The last reservation: one that an evaluation anew replaced no longer counts."""
    evaluated: PolicyEvaluated
    """The evaluation that made it."""
    allowed: PolicyEvaluated
    """The last evaluation, which let the order pass: the same one, unless people had to approve first."""
    approved: Approved
    simulated: Simulated

    @property
    def order(self) -> Order:
        """The order as its initiator signed it."""
        return self.initiated.order

    @property
    def effect(self) -> Effect:
        """What the order would do, by the enclave's own reckoning."""
        return effect_of(self.order, self.governance)

    def valued(self, facts: Facts, at: Instant) -> Valued:
        """What the order's effect was worth at the price that `facts` name, which was fresh at `at`."""
        prices = {price.asset_id: price for price in facts.prices}
        return value(self.effect, Circumstances(self.governance, self.policy, prices), at)


def judge(dossier: Dossier, governance: Governance, observed: Mapping[int, PriceFact], now: Instant) -> Verdict:
    """Whether the transaction at the end of `dossier` may be signed at `now`. Never raises for what a log could say.

    `observed` are observations of prices by their offset on `price-observed`.
    """
    passed: list[str] = []
    name = "chain-shape"
    try:
        case = _case(dossier, governance, observed, now)
        passed.append(name)
        for name, check in CHECKS:
            check(case)
            passed.append(name)
    except Unsignable as unproven:
        return Verdict(tuple(passed), refusal_of(name, str(unproven)))
    return Verdict(tuple(passed), None, case.policy.policy_hash)


def refusal_of(check: str, reason: str) -> Refusal:
    """A refusal for people to act on: `check` names what could not be derived again."""
    return Refusal(
        check=check,
        message=reason[:TEXT_CHARACTERS_MAX],
        remedy="nothing was signed; find out who wrote what the enclave could not derive, then place the order again",
    )


def _case(dossier: Dossier, governance: Governance, observed: Mapping[int, PriceFact], now: Instant) -> Case:
    """Name the links, or refuse a chain that no desk and no execution would write."""
    match dossier.links:
        case (
            OrderInitiated() as initiated,
            *between,
            PolicyEvaluated(outcome="allowed") as allowed,
            Approved() as approved,
            Simulated() as simulated,
        ):
            reserved, evaluated = _reservation([*between, allowed])
        case _:
            raise Unproven("the chain does not go from one initiation over one approval to one simulation")
    order = initiated.order
    if any((link.order_id, link.desk_id) != (order.order_id, order.desk_id) for link in dossier.links):
        raise Unproven("the chain mixes orders or desks")
    if any(link.decided_at > now + SKEW_SECONDS_MAX * MICROS_PER_SECOND for link in dossier.links):
        raise Unproven("a link of the chain is from the future")
    wallet = governance.wallets.get(order.wallet_id)
    if governance.policy is None or wallet is None:
        raise Unproven("governance knows no policy, or not this wallet")
    return Case(
        dossier=dossier,
        governance=governance,
        policy=governance.policy,
        observed=observed,
        now=now,
        wallet=wallet,
        initiated=initiated,
        reserved=reserved,
        evaluated=evaluated,
        allowed=allowed,
        approved=approved,
        simulated=simulated,
    )


def _reservation(between: list[OrderEvent]) -> tuple[LimitReserved, PolicyEvaluated]:
    """The reservation that stands, and the evaluation of the same decision."""
    if not all(isinstance(link, _BETWEEN) for link in between):
        raise Unproven("the chain has links that no order has before its approval")
    moved = [place for place, link in enumerate(between) if isinstance(link, LimitReserved | LimitReleased)]
    match between[moved[-1] :] if moved else ():
        case (LimitReserved() as reserved, PolicyEvaluated() as evaluated, *_):
            return reserved, evaluated
    raise Unproven("the order holds no reservation that policy was asked about")


def _check_command(case: Case) -> None:
    check_initiation(case.initiated, case.dossier.splits, case.governance, case.policy)
    if case.approved.order != case.order:
        raise Unproven("what was approved is not what was initiated")


def _check_wallet(case: Case) -> None:
    simulated = case.simulated
    named = (simulated.wallet_id, simulated.wallet, case.order.desk_id)
    if named != (case.wallet.wallet_id, case.wallet.address, case.wallet.desk_id):
        raise Unproven("the wallet is not the one that governance assigned to the desk")


def _check_effect(case: Case) -> None:
    if not case.effect == case.evaluated.facts.effect == case.allowed.facts.effect == case.approved.effect:
        raise Unproven("the recorded effect is not what the order would do")


def _check_prices(case: Case) -> None:
    settings = case.policy.settings
    for link, prices in (
        (case.evaluated, case.evaluated.facts.prices),
        (case.allowed, case.allowed.facts.prices),
        (case.simulated, case.simulated.prices),
    ):
        for price in prices:
            asset, seen = case.governance.assets.get(price.asset_id), case.observed.get(price.log_offset)
            if asset is None or price != price_in({} if seen is None else {seen.asset_id: seen}, asset):
                raise Unproven(f"the price of {price.asset_id} stands neither in governance nor at offset {price.log_offset}")
            if is_stale(price, link.decided_at, settings.price_max_age_seconds):
                raise Unproven(f"the price of {price.asset_id} was too old, or not yet seen, when it was used")


def _check_facts(case: Case) -> None:
    """Derived from governance and prices, and equal to those that were approved on, but for what has checks of its own."""
    recorded, at = case.allowed.facts, case.allowed.decided_at
    derived = facts_of(
        case.order,
        effect=case.effect,
        valued=case.valued(recorded, at),
        limits=recorded.limits,
        approvals=recorded.approvals,
        circumstances=Circumstances(case.governance, case.policy, {}),
        now=at,
    ).model_copy(update={"governance_position": recorded.governance_position})
    wrong = [name for name in Facts.model_fields if getattr(recorded, name) != getattr(derived, name)]
    if wrong:
        raise Unproven(f"the facts that it was approved on are not those of the log: {', '.join(wrong)}")
    if recorded.governance_position > case.governance.position:
        raise Unproven("it was approved on governance that does not exist")
    said = (case.approved.policy_hash, case.approved.governance_position, case.approved.decided_at)
    if said != (recorded.policy_hash, recorded.governance_position, at):
        raise Unproven("it was not approved on the facts that policy allowed it on")


def _check_approvals(case: Case) -> None:
    subject = ApprovalSubject(
        order=case.order,
        effect=case.effect,
        policy_hash=case.policy.policy_hash,
        reserved=case.reserved.reserved,
    )
    given = [each for each in case.dossier.all(ApprovalGiven) if each.sequence > case.reserved.sequence]
    proven = [check_approval(each, subject, case.governance, case.policy) for each in given]
    counted = list(standing(proven, case.order, case.governance))
    if not counted == case.allowed.facts.approvals == case.approved.approvals:
        raise Unproven("the approvals that were counted are not those that people gave")
    if case.approved.decided_at >= case.evaluated.decided_at + case.policy.settings.order_ttl_seconds * MICROS_PER_SECOND:
        raise Unproven("the order had expired when it was approved")


def _check_limits(case: Case) -> None:
    facts, first = case.allowed.facts, case.evaluated
    falls_under = applied(case.policy.limits, subjects_of(case.order, case.effect, target_of(case.effect, case.governance)))
    worth = case.valued(first.facts, first.decided_at).amount_usd
    if case.reserved.reserved != reservation(limit_facts(Ledger(), falls_under, worth, first.decided_at)):
        raise Unproven("what was reserved is not what the order was worth")
    # What the enclave reckons stands as reserved in a ledger of its own; the order's own part is asked for once more.
    reckoned = Ledger.reckoned(case.dossier.used)
    kept = Adjustment(kept=amounts(case.reserved.reserved))
    derived = limit_facts(reckoned, falls_under, facts.amount_usd, facts.evaluated_at, kept)
    if derived != facts.limits:
        wrong = [f"{d.limit_id} of {d.scope_key}: {d.used_usd} USD used" for d in derived if d not in facts.limits]
        raise Unproven(f"the limits are not as recorded; reckoned from the log: {', '.join(wrong) or 'fewer of them'}")
    for exceeded in refusals(derived):
        raise Unproven(exceeded.message)


def _check_policy(case: Case) -> None:
    evaluation = evaluate(case.policy, case.order, case.allowed.facts)
    if evaluation.outcome != "allowed" or list(evaluation.rules) != case.allowed.rules:
        reasons = [*(refusal.message for refusal in evaluation.refusals), *evaluation.requires]
        raise Unproven(f"policy, evaluated again, does not allow the order so: {'; '.join(reasons) or 'by other rules'}")


def _check_simulation(case: Case) -> None:
    simulated, age = case.simulated, case.now - case.simulated.decided_at
    if simulated.verdict != "passed" or simulated.findings:
        raise Unproven("the simulation did not pass")
    if age > case.policy.settings.simulation_max_age_seconds * MICROS_PER_SECOND:
        raise Unproven(f"the simulation is older than {case.policy.settings.simulation_max_age_seconds} s")
    action = case.order.action
    if isinstance(action, Swap) and (
        simulated.slippage_ppm is None or simulated.slippage_ppm > action.max_slippage * PPM_PER_BASIS_POINT
    ):
        raise Unproven("the simulated loss is above the order's bound, or was not measured")


def _check_transaction(case: Case) -> None:
    decoded = transaction.from_record(case.simulated.transaction)
    if decoded.chain_id != case.wallet.chain_id:
        raise Unproven(f"the transaction is for chain {decoded.chain_id}, the wallet is on {case.wallet.chain_id}")


def _check_call(case: Case) -> None:
    """The bytes were decoded strictly before, so what is compared here is what is signed."""
    unsigned = case.simulated.transaction
    call = compile_call(case.order, case.governance, case.approved, case.simulated.prices)
    if (unsigned.to, unsigned.value, unsigned.input) != (call.to, call.value, f"0x{call.data.hex()}"):
        raise Unproven("the bytes to be signed are not the order's call: another receiver, value or input")


def _check_fees(case: Case) -> None:
    unsigned = case.simulated.transaction
    if unsigned.max_fee_per_gas > FEE_PER_GAS_WEI_MAX or unsigned.gas_limit > GAS_LIMIT_MAX:
        raise Unproven("the transaction's fee or gas is above the enclave's own cap")
    if unsigned.max_fee_per_gas * unsigned.gas_limit > FEE_WEI_MAX:
        raise Unproven(f"the transaction may pay {unsigned.max_fee_per_gas * unsigned.gas_limit} wei for gas")


CHECKS: Final[tuple[tuple[str, Callable[[Case], None]], ...]] = (
    ("command", _check_command),
    ("wallet", _check_wallet),
    ("effect", _check_effect),
    ("prices", _check_prices),
    ("facts", _check_facts),
    ("approvals", _check_approvals),
    ("limits", _check_limits),
    ("policy", _check_policy),
    ("simulation", _check_simulation),
    ("transaction", _check_transaction),
    ("call", _check_call),
    ("fees", _check_fees),
)
