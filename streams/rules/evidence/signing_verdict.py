"""Judges the transaction at the end of an order's chain: it may be signed, or one named check refuses (architecture, rule 10).

Pure: evidence in, verdict out. Each check derives something again and compares; the first that fails refuses. The enclave and
later verifiers of its signatures share it. In order: the chain's shape and the positions of governance that its decisions name
(`case`); the decision as it was made (`decided`); the bytes (`payload`); the order's standing today (`today`).
Left out: each signer's own memory (`streams.judging`): nonces, the wallet's velocity, older logs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from infra.ethereum import transaction
from infra.ethereum.calldata import CalldataRefused
from schemas.events.base import Refusal
from schemas.events.facts import PriceFact
from schemas.events.lifecycle import Approved
from schemas.values import TEXT_CHARACTERS_MAX, Instant
from streams.rules.actions.compiled import NotCompilable
from streams.rules.evidence import decided, payload, today
from streams.rules.evidence.authority import Overtaken, Unproven
from streams.rules.evidence.case import GovernanceLog, case_of, shape_of
from streams.rules.evidence.dossier import Dossier
from streams.rules.refusals.orders import Refused

Unsignable = (
    *(Unproven, Refused, transaction.TransactionInvalid, NotCompilable, CalldataRefused),
    *(ValueError, ArithmeticError, LookupError),
)
"""Errors of a derivation from an inconsistent log, numbers out of every range among them. Any content of a
log must refuse one order and never end the process: the log stays, and every start would end the same way."""
CHECKS: Final = (*decided.CHECKS, *payload.CHECKS, *today.CHECKS)
INVESTIGATE: Final = "nothing was signed; find out who wrote what the enclave could not derive, then place the order again"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A verdict: the names of all checks passed, and the refusal of the one that failed, if one did."""

    passed: tuple[str, ...]
    refusal: Refusal | None = None
    policy_hash: str = ""
    """Hash of the policy that allowed it last."""
    governance_position: int = 0
    """Position of governance at the last judgement."""
    approved: Approved | None = None
    """The case, once every check passed; None if one refused."""
    amount_usd: Decimal = Decimal(0)
    """The order's value when it was approved."""


def judge(dossier: Dossier, history: GovernanceLog, observed: Mapping[int, PriceFact], now: Instant) -> Verdict:
    """Judge the transaction at the end of `dossier` at `now`. Never raises, whatever the log holds.

    `observed` are observations of prices by their offset on `price-observed`.
    """
    passed: list[str] = []
    position = history.view.position
    name = "chain-shape"
    try:
        shape = shape_of(dossier, now)
        passed.append(name)
        name = "governance"
        case = case_of(dossier, shape, history, observed, now)
        passed.append(name)
        for name, check in CHECKS:
            check(case)
            passed.append(name)
    except Unsignable as reason:
        remedy = reason.remedy if isinstance(reason, Overtaken) else INVESTIGATE
        return Verdict(tuple(passed), refusal_of(name, str(reason), remedy), "", position)
    amount_usd = shape.allowed.facts.amount_usd
    return Verdict(tuple(passed), None, case.today.policy.policy_hash, position, shape.approved, amount_usd)


def refusal_of(check: str, reason: str, remedy: str = INVESTIGATE) -> Refusal:
    """Return a refusal for people to act on; `check` names the claim that failed or no longer holds."""
    return Refusal(check=check, message=reason[:TEXT_CHARACTERS_MAX], remedy=remedy[:TEXT_CHARACTERS_MAX])
