"""`judge`: from what the log says about one order to a verdict, without trusting whoever wrote it (architecture, rule 10).

Pure: evidence in, verdict out. Every check derives something again and compares; the first that fails refuses, by name.
Whoever can sign a transaction has passed all of them. Shared by the enclave and by whoever verifies its signatures later.

Rules it enforces, in order: the chain's shape; the initiator's command; the wallet and the effect; every approval's assertion;
the policy, evaluated again; the limits, reckoned again; the simulation; and that the exact bytes to be signed are this order.
Left out: nonces (the enclave's own memory, `decider`), breakers (no event trips one yet), the wallet's own velocity cap.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from infra.chain import transaction
from schemas.events.base import Refusal
from schemas.events.facts import ApprovalFact
from schemas.events.governance import PolicyActivated, WalletAssigned
from schemas.events.lifecycle import ApprovalGiven, Approved, OrderClosed, OrderInitiated, PolicyEvaluated, Simulated
from schemas.events.limits import LimitReserved
from schemas.orders import ApprovalSubject, Order
from schemas.values import Instant
from streams.desk.effect import effect_of
from streams.desk.limits import applied, reservation
from streams.desk.policy import evaluate
from streams.desk.refusals import Refused
from streams.execution.compilation import compile_call
from streams.governance.view import Governance
from streams.signing.authority import Unproven, check_approval, check_initiation
from streams.signing.dossier import Dossier

MICROS_A_SECOND: Final = 1_000_000
FEE_PER_GAS_WEI_MAX: Final = 500 * 10**9
"""No transaction pays more: a fee is value leaving the wallet that no limit counts."""
GAS_LIMIT_MAX: Final = 5_000_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `judge` found: the names of all checks passed, or the refusal of the one that failed."""

    passed: tuple[str, ...]
    refusal: Refusal | None = None
    policy_hash: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """One order's evidence with its links by role."""

    dossier: Dossier
    governance: Governance
    policy: PolicyActivated
    wallet: WalletAssigned
    initiated: OrderInitiated
    reserved: LimitReserved
    approved: Approved
    simulated: Simulated
    now: Instant

    @property
    def order(self) -> Order:
        """The order as its initiator signed it."""
        return self.initiated.order


def judge(dossier: Dossier, governance: Governance, now: Instant) -> Verdict:
    """Whether the transaction at the end of `dossier` may be signed at `now`. Never raises for what a log could say."""
    passed: list[str] = []
    name = "chain-shape"
    try:
        case = _case(dossier, governance, now)
        passed.append(name)
        for name, check in CHECKS:  # noqa: B007 - names the check that refuses
            check(case)
            passed.append(name)
    except (Unproven, Refused, transaction.TransactionInvalid) as unproven:
        return Verdict(tuple(passed), _refusal(name, unproven))
    return Verdict(tuple(passed), None, case.policy.policy_hash)


def _case(dossier: Dossier, governance: Governance, now: Instant) -> Case:
    """Name the links, or refuse a chain that no desk and no execution would write."""
    first, last = dossier.links[0], dossier.links[-1]
    reserved, approved = dossier.only(LimitReserved), dossier.only(Approved)
    if not isinstance(first, OrderInitiated) or not isinstance(last, Simulated) or reserved is None or approved is None:
        raise Unproven("the chain does not go from one initiation over one reservation and one approval to a simulation")
    if dossier.links[-2] is not approved or dossier.all(OrderClosed):
        raise Unproven("the simulation does not follow the approval, or the order was closed")
    if any((link.order_id, link.desk_id) != (first.order.order_id, first.order.desk_id) for link in dossier.links):
        raise Unproven("the chain mixes orders or desks")
    wallet = governance.wallets.get(first.order.wallet_id)
    if governance.policy is None or wallet is None:
        raise Unproven("governance knows no policy, or not this wallet")
    return Case(dossier, governance, governance.policy, wallet, first, reserved, approved, last, now)


def _check_command(case: Case) -> None:
    check_initiation(case.initiated, case.dossier.parent, case.governance)
    if case.approved.order != case.order:
        raise Unproven("what was approved is not what was initiated")


def _check_wallet(case: Case) -> None:
    simulated = case.simulated
    named = (simulated.wallet_id, simulated.wallet, case.order.desk_id)
    if named != (case.wallet.wallet_id, case.wallet.address, case.wallet.desk_id):
        raise Unproven("the wallet is not the one that governance assigned to the desk")


def _check_effect(case: Case) -> None:
    if case.approved.facts.effect != effect_of(case.order, case.governance):
        raise Unproven("the recorded effect is not what the order would do")


def _check_approvals(case: Case) -> None:
    counted = {fact.principal: fact for fact in _verified_approvals(case)}
    for claimed in case.approved.approvals:
        if counted.get(claimed.principal) is None or not set(claimed.roles) <= set(counted[claimed.principal].roles):
            raise Unproven(f"the approval of {claimed.principal} cannot be verified, or counts in another role")


def _verified_approvals(case: Case) -> list[ApprovalFact]:
    """Every approval on the chain, verified over the subject that it must have been given to."""
    evaluations = case.dossier.all(PolicyEvaluated)
    subject = ApprovalSubject(
        order=case.order,
        effect=effect_of(case.order, case.governance),
        policy_hash=case.policy.policy_hash,
        reserved=case.reserved.reserved,
    )
    if not evaluations:
        raise Unproven("policy was never evaluated")
    current = [given for given in case.dossier.all(ApprovalGiven) if given.sequence > evaluations[-1].sequence]
    return [check_approval(given, subject, case.governance) for given in current]


def _check_policy(case: Case) -> None:
    facts = case.approved.facts
    initiator = case.governance.active(case.order.initiator)
    if facts.policy_hash != case.policy.policy_hash:
        raise Unproven("the order was approved under a policy that is no longer in force")
    if initiator is None or set(facts.initiator_roles) != set(initiator.roles):
        raise Unproven("the initiator's roles are not those that governance gives")
    listed = case.governance.contracts.get((case.wallet.chain_id, facts.target.address))
    if facts.target.listed != (listed is not None) or (listed and facts.target.open_findings != listed.open_findings):
        raise Unproven("the target's listing is not what governance says")
    if facts.target.address != facts.effect.counterparty or facts.breakers_open:
        raise Unproven("the facts are about another target, or a breaker is open")
    derived = facts.model_copy(update={"approvals": _verified_approvals(case)})
    if evaluate(case.policy, case.order, derived).outcome != "allowed":
        raise Unproven("policy, evaluated again, does not allow the order")


def _check_limits(case: Case) -> None:
    facts = case.approved.facts
    if case.dossier.disputes:
        raise Unproven("; ".join(case.dossier.disputes))
    expected = applied(case.policy.limits, case.order, facts.target.address)
    if [(each.limit.limit_id, each.scope_key, each.limit.cap_usd) for each in expected] != [
        (fact.limit_id, fact.scope_key, fact.cap_usd) for fact in facts.limits
    ]:
        raise Unproven("the limits that were evaluated are not those that apply")
    if any(fact.kind == "rolling" and fact.used_usd + fact.requested_usd > fact.cap_usd for fact in facts.limits):
        raise Unproven("a limit would be exceeded")
    if reservation(facts.limits) != case.reserved.reserved:
        raise Unproven("what was reserved is not what the order needs")


def _check_simulation(case: Case) -> None:
    age_max = case.policy.settings.simulation_max_age_seconds * MICROS_A_SECOND
    if case.simulated.verdict != "passed" or case.simulated.findings:
        raise Unproven("the simulation did not pass")
    if case.now - case.simulated.decided_at > age_max:
        raise Unproven(f"the simulation is older than {case.policy.settings.simulation_max_age_seconds} s")


def _check_transaction(case: Case) -> None:
    decoded = transaction.from_record(case.simulated.transaction)
    call = compile_call(case.order, case.governance, case.approved, case.simulated.prices)
    if (decoded.to, decoded.value, decoded.data) != (call.to, call.value, call.data):
        raise Unproven("the bytes to be signed do not decode to the order")
    if decoded.chain_id != case.wallet.chain_id:
        raise Unproven("the transaction is for another chain")
    if decoded.max_fee_per_gas > FEE_PER_GAS_WEI_MAX or decoded.gas_limit > GAS_LIMIT_MAX:
        raise Unproven("the transaction's fee is above the enclave's own cap")


CHECKS: Final[tuple[tuple[str, Callable[[Case], None]], ...]] = (
    ("command", _check_command),
    ("wallet", _check_wallet),
    ("effect", _check_effect),
    ("approvals", _check_approvals),
    ("policy", _check_policy),
    ("limits", _check_limits),
    ("simulation", _check_simulation),
    ("transaction", _check_transaction),
)


def _refusal(check: str, unproven: Exception) -> Refusal:
    return Refusal(
        check=check,
        message=str(unproven)[:1_000],
        remedy="nothing was signed; find out who wrote what the enclave could not derive, then place the order again",
    )
