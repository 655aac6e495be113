"""The starter policy as its risk officers read it: each rule's permissions, conditions and refusals."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from infra.ethereum.trace import UNLIMITED_AMOUNT_MIN
from schemas.events.facts import SimulationFact
from schemas.orders import Action
from schemas.values import DAY_MICROS, USD_MAX
from streams.rules.policy.evaluation import evaluate
from tests.streams.rules.policy.proposals import (
    APPROVE_TOKEN,
    BOTH,
    CALL,
    CARL,
    CARL_ELSEWHERE,
    CORA,
    DEPOSIT,
    NOW,
    PAULA,
    RHEA,
    RITA,
    SVEN,
    TRANSFER,
    UNLISTED,
    WITHDRAW,
    exceeded,
    facts,
    listed,
    order,
    policy,
    summary,
    swap,
    target,
    tripped,
)

FIVE_MILLION = {"amount_usd": Decimal(5_000_000), "limits": [exceeded()]}
ONE_MILLION = {"amount_usd": Decimal(1_000_000), "limits": [exceeded(exceeded=False)]}
NEWSWAP_OPEN = [tripped("protocol", "newswap")]
NEWSWAP_REDUCING = [tripped("protocol", "newswap", "reducing")]
SATURDAY = NOW + 5 * DAY_MICROS


def simulation(slippage_ppm: int = 0, touched: int = 3) -> SimulationFact:
    return SimulationFact(slippage_ppm=slippage_ppm, gas_used=90_000, touched=touched)


STARTER: list[tuple[str, Action, dict[str, Any], str]] = [
    # who may propose
    ("a small transfer to a listed account needs nobody", TRANSFER, {}, "allowed"),
    ("a trader may propose too", TRANSFER, {"initiator_roles": ["trader"]}, "allowed"),
    ("one role that may propose is enough", TRANSFER, {"initiator_roles": ["auditor", "trader"]}, "allowed"),
    ("a risk officer may not propose", TRANSFER, {"initiator_roles": ["risk-officer"]}, "refused | no-rule-permits"),
    ("nobody without a role may propose", TRANSFER, {"initiator_roles": []}, "refused | no-rule-permits"),
    (
        "nobody is asked to approve what no rule permits",
        TRANSFER,
        {"initiator_roles": [], "amount_usd": Decimal(30_000)},
        "refused | no-rule-permits",
    ),
    # where value may go
    ("a swap on a contract listed long ago is allowed", swap(), {}, "allowed"),
    ("a swap on an unlisted contract is refused", swap(), {"target": UNLISTED}, "refused | contract-not-listed"),
    (
        "an approval does not lift an unlisted contract",
        swap(),
        {"target": UNLISTED, "approvals": [RITA, SVEN, CORA, CARL]},
        "refused | contract-not-listed",
    ),
    ("an allowance to an unlisted contract is refused", APPROVE_TOKEN, {"target": UNLISTED}, "refused | contract-not-listed"),
    (
        "a transfer to an unlisted account needs two people",
        TRANSFER,
        {"target": UNLISTED},
        "needs-approval | senior-risk-officer:1 & compliance-officer:1",
    ),
    (
        "one of them is not enough",
        TRANSFER,
        {"target": UNLISTED, "approvals": [SVEN]},
        "needs-approval | senior-risk-officer:1 & compliance-officer:1",
    ),
    (
        "one person in both roles is not two people",
        TRANSFER,
        {"target": UNLISTED, "approvals": [BOTH]},
        "needs-approval | senior-risk-officer:1 & compliance-officer:1",
    ),
    ("both of them are enough", TRANSFER, {"target": UNLISTED, "approvals": [SVEN, CARL]}, "allowed"),
    ("open findings refuse", swap(), {"target": target(open_findings=1)}, "refused | open-findings"),
    ("the 29th day is recent", swap(), {"target": listed(29)}, "needs-approval | risk-officer:1"),
    ("the 30th day is not", swap(), {"target": listed(30)}, "allowed"),
    (
        "thirty days less a microsecond are recent",
        swap(),
        {"target": target(listed_at=NOW - 30 * DAY_MICROS + 1)},
        "needs-approval | risk-officer:1",
    ),
    ("a listing in the future is recent", swap(), {"target": listed(-400)}, "needs-approval | risk-officer:1"),
    ("an account may be recent", TRANSFER, {"target": listed(0)}, "allowed"),
    # how much
    ("$25,000 needs nobody", TRANSFER, {"amount_usd": Decimal(25_000)}, "allowed"),
    (
        "a millionth of a dollar more needs a risk officer",
        TRANSFER,
        {"amount_usd": Decimal("25000.000001")},
        "needs-approval | risk-officer:1",
    ),
    ("who approves", TRANSFER, {"amount_usd": Decimal(30_000), "approvals": [RITA]}, "allowed"),
    ("or is the chief", TRANSFER, {"amount_usd": Decimal(30_000), "approvals": [CORA]}, "allowed"),
    (
        "but is not whoever proposed",
        TRANSFER,
        {"amount_usd": Decimal(30_000), "approvals": [PAULA]},
        "needs-approval | risk-officer:1",
    ),
    (
        "five million into a new venue need the chief and a risk officer",
        swap(),
        {**FIVE_MILLION, "target": listed(1)},
        "needs-approval | chief-risk-officer:1 | risk-officer:1",
    ),
    ("the chief can give both", swap(), {**FIVE_MILLION, "target": listed(1), "approvals": [CORA]}, "allowed"),
    (
        "two risk officers cannot",
        swap(),
        {**FIVE_MILLION, "target": listed(1), "approvals": [RITA, RHEA]},
        "needs-approval | chief-risk-officer:1",
    ),
    (
        "a part of one million needs one approval",
        swap(),
        {**ONE_MILLION, "target": listed(1)},
        "needs-approval | risk-officer:1",
    ),
    ("and has it", swap(), {**ONE_MILLION, "target": listed(1), "approvals": [RITA]}, "allowed"),
    ("a rolling limit is not policy's", TRANSFER, {"limits": [exceeded("rolling")]}, "allowed"),
    (
        "no sum is too large to be told",
        TRANSFER,
        {"amount_usd": USD_MAX},
        "needs-approval | chief-risk-officer:1 & compliance-officer:1 | risk-officer:1",
    ),
    # how
    ("an exact allowance is allowed", APPROVE_TOKEN, {}, "allowed"),
    (
        "an allowance of 96 full bits is refused",
        APPROVE_TOKEN,
        {"amount": UNLIMITED_AMOUNT_MIN},
        "refused | unlimited-allowance",
    ),
    ("one less is not", APPROVE_TOKEN, {"amount": UNLIMITED_AMOUNT_MIN - 1}, "allowed"),
    (
        "one of 2^128 is refused too",
        APPROVE_TOKEN,
        {"amount": 2**128},
        "refused | unlimited-allowance",
    ),
    ("a transfer of as much is no allowance", TRANSFER, {"amount": UNLIMITED_AMOUNT_MIN}, "allowed"),
    ("2 % of slippage may be accepted", swap(200), {}, "allowed"),
    ("more may not", swap(201), {}, "refused | slippage-bound-too-wide"),
    ("a simulated loss of 2 % is accepted", swap(), {"simulation": simulation(20_000)}, "allowed"),
    ("more is not", swap(), {"simulation": simulation(20_001)}, "refused | simulated-loss"),
    ("25 contracts may be touched", TRANSFER, {"simulation": simulation(touched=25)}, "allowed"),
    ("one more may not", TRANSFER, {"simulation": simulation(touched=26)}, "refused | touches-too-much"),
    ("every call is looked at", CALL, {}, "needs-approval | risk-officer:1"),
    ("and then made", CALL, {"approvals": [RITA]}, "allowed"),
    ("traders make no calls", CALL, {"initiator_roles": ["trader"]}, "refused | no-rule-permits"),
    # vaults
    ("a deposit into a vault listed long ago is allowed", DEPOSIT, {}, "allowed"),
    ("five million need the chief", DEPOSIT, FIVE_MILLION, "needs-approval | chief-risk-officer:1 | risk-officer:1"),
    ("who can give both", DEPOSIT, {**FIVE_MILLION, "approvals": [CORA]}, "allowed"),
    ("a deposit into an unlisted vault is refused", DEPOSIT, {"target": UNLISTED}, "refused | contract-not-listed"),
    ("a withdrawal from a vault with findings is allowed", WITHDRAW, {"target": target(open_findings=3)}, "allowed"),
    ("from one that is no longer listed it is looked at", WITHDRAW, {"target": UNLISTED}, "needs-approval | risk-officer:1"),
    ("and then made too", WITHDRAW, {"target": UNLISTED, "approvals": [RITA]}, "allowed"),
    # bringing funds home
    (
        "a risk officer may bring funds home, however much, without asking",
        TRANSFER,
        {**FIVE_MILLION, "initiator_roles": ["risk-officer"], "evacuates": True, "target": UNLISTED},
        "allowed",
    ),
    ("or out of a vault", WITHDRAW, {"initiator_roles": ["risk-officer"], "reduces_exposure": True}, "allowed"),
    # large amounts, unlisted accounts, weekends
    (
        "more than $25m need risk and compliance",
        swap(),
        {"amount_usd": Decimal("25000000.01"), "approvals": [CORA]},
        "needs-approval | chief-risk-officer:1 & compliance-officer:1",
    ),
    ("who agree", swap(), {"amount_usd": Decimal("25000000.01"), "approvals": [CORA, CARL]}, "allowed"),
    (
        "two of one place are not enough for much to an unlisted account",
        TRANSFER,
        {"amount_usd": Decimal("250000.01"), "target": UNLISTED, "approvals": [RITA, SVEN, CARL]},
        "needs-approval | senior-risk-officer:1 & compliance-officer:1 & sites:2",
    ),
    (
        "two of different places are",
        TRANSFER,
        {"amount_usd": Decimal("250000.01"), "target": UNLISTED, "approvals": [RITA, SVEN, CARL_ELSEWHERE]},
        "allowed",
    ),
    (
        "a large transfer at the weekend needs two",
        TRANSFER,
        {"amount_usd": Decimal("5000000.01"), "evaluated_at": SATURDAY, "approvals": [RITA]},
        "needs-approval | risk-officer:1 & compliance-officer:1",
    ),
    ("on a weekday one", TRANSFER, {"amount_usd": Decimal("5000000.01"), "approvals": [RITA]}, "allowed"),
    # when something must stop
    ("an open breaker stops a transfer", TRANSFER, {"breakers": NEWSWAP_OPEN}, "refused | breaker-open"),
    ("and a swap", swap(), {"breakers": [*NEWSWAP_OPEN, tripped("asset", "USDC")]}, "refused | breaker-open"),
    ("and an allowance", APPROVE_TOKEN, {"breakers": NEWSWAP_OPEN}, "refused | breaker-open"),
    ("and what lowers exposure", WITHDRAW, {"breakers": NEWSWAP_OPEN, "reduces_exposure": True}, "refused | breaker-open"),
    ("but no evacuation", TRANSFER, {"breakers": [*NEWSWAP_OPEN, *NEWSWAP_REDUCING], "evacuates": True}, "allowed"),
    ("one that is reducing stops a swap", swap(), {"breakers": NEWSWAP_REDUCING}, "refused | breaker-reducing"),
    ("and lets out what lowers exposure", WITHDRAW, {"breakers": NEWSWAP_REDUCING, "reduces_exposure": True}, "allowed"),
    (
        "every reason is told, not only the first",
        swap(500),
        {"target": UNLISTED, "breakers": NEWSWAP_OPEN, "initiator_roles": []},
        "refused | contract-not-listed | slippage-bound-too-wide | breaker-open | no-rule-permits",
    ),
    (
        "what nothing lifts hides what approvals could",
        TRANSFER,
        {"amount_usd": Decimal(30_000), "breakers": NEWSWAP_OPEN},
        "refused | breaker-open",
    ),
]


@pytest.mark.parametrize(("action", "changes", "expected"), [row[1:] for row in STARTER], ids=[row[0] for row in STARTER])
def test_starter_policy(action: Action, changes: dict[str, Any], expected: str) -> None:
    assert summary(evaluate(policy(), order(action), facts(**changes))) == expected
