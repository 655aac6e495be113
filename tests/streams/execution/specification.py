"""Builds simulations for specifications: an order and its trace, with sound defaults for all else."""

from __future__ import annotations

from dataclasses import dataclass, replace

from infra.ethereum.answers import BlockHeader, FeeSuggestion
from infra.ethereum.trace import DelegateCall, Effects
from schemas.events.facts import PriceFact
from schemas.events.lifecycle import AllowanceGranted, Approved, BalanceChange, Claim, Simulated
from schemas.values import Instant
from streams.rules.actions.compilation import compile_call
from streams.rules.decider import Later, Outcome, Recorded
from streams.rules.firm.view import Governance
from streams.rules.transactions import assembly
from streams.rules.transactions.execution import ExecutionDecider, Input
from streams.rules.transactions.nonces import Wallets
from streams.rules.transactions.simulation import Simulation
from tests.world.chain.firm import CHAIN, NOW, PLACES, firm, prices

BLOCK = BlockHeader(
    number=100, hash="0x" + "ab" * 32, parent_hash="0x" + "cd" * 32, timestamp=1, base_fee_per_gas=7, gas_limit=30_000_000
)
FEES = FeeSuggestion(base_fee_per_gas=7, max_priority_fee_per_gas=1, max_fee_per_gas=15)
GAS_USED = 100_000
FIRST_NONCE = 5

NOTHING = Effects(
    ok=True,
    revert_reason=None,
    gas_used=GAS_USED,
    balance_changes=(),
    allowances=(),
    touched=(),
    delegate_calls=(),
    self_destructs=(),
    creations=(),
)
REVERTED = NOTHING.model_copy(update={"ok": False, "revert_reason": "Too little received"})


def moved(*changes: tuple[str, str | None, int]) -> Effects:
    """Effects that move balances: (account, token, change) each."""
    seen = tuple(BalanceChange(account=account, token=token, change=change) for account, token, change in changes)
    return NOTHING.model_copy(update={"balance_changes": seen})


def bought(usdc: int, weth: int) -> Effects:
    """A swap's effects on wallet and pool, with all that it touches."""
    return moved(
        (PLACES.wallet, PLACES.usdc, -usdc),
        (PLACES.wallet, PLACES.weth, weth),
        (PLACES.pool, PLACES.usdc, usdc),
        (PLACES.pool, PLACES.weth, -weth),
    ).model_copy(
        update={
            "touched": (PLACES.router, PLACES.pool, PLACES.weth, PLACES.usdc, PLACES.usdc_implementation),
            "delegate_calls": (DelegateCall(contract=PLACES.usdc, code=PLACES.usdc_implementation),),
        }
    )


def paid(usdc: int) -> Effects:
    """A payment's effects."""
    return moved((PLACES.wallet, PLACES.usdc, -usdc), (PLACES.friend, PLACES.usdc, usdc))


def allowed(*grants: tuple[str, str, int]) -> Effects:
    """Effects that leave allowances of the wallet behind: (token, spender, amount) each."""
    left = tuple(AllowanceGranted(token=t, owner=PLACES.wallet, spender=s, amount=n) for t, s, n in grants)
    return NOTHING.model_copy(update={"allowances": left})


def simulation(  # noqa: PLR0913 - each by name, and most of them never
    approved: Approved,
    exact: Effects,
    measured: Effects | None = None,
    *,
    nonce: int = FIRST_NONCE,
    account_nonce: int = FIRST_NONCE,
    governance: Governance | None = None,
    price_facts: tuple[PriceFact, ...] | None = None,
    claimed: Claim | None = None,
) -> Simulation:
    """A simulation in which nothing but what is named is out of the ordinary."""
    governance = governance or firm()
    assert governance.policy is not None
    facts = prices(governance) if price_facts is None else price_facts
    call = compile_call(approved.order, governance, approved, facts)
    return Simulation(
        approved=approved,
        governance=governance,
        settings=governance.policy.settings,
        prices=facts,
        block=BLOCK,
        account_nonce=account_nonce,
        transaction=assembly.assemble(CHAIN, call, nonce=nonce, gas=assembly.gas_limit(GAS_USED), fees=FEES, claimed=claimed),
        exact=exact,
        measured=measured or exact,
    )


@dataclass(frozen=True)
class Given:
    """A state made by events; `when` decides on it, and folds what was said."""

    state: Wallets

    def when(self, message: Input, now: Instant = NOW) -> tuple[Outcome, Given]:
        """The outcome, and the state after it."""
        decider = ExecutionDecider()
        outcome = decider.decide(self.state, message, now)
        state = self.state
        for event in () if isinstance(outcome, Later) else outcome:
            state = decider.evolve(state, Recorded("", event, ""))
        return outcome, replace(self, state=state)


def given() -> Given:
    """No wallet has been used."""
    return Given(ExecutionDecider().initial())


def simulated(outcome: Outcome) -> Simulated:
    """The one event of an outcome."""
    assert isinstance(outcome, tuple), outcome
    (event,) = outcome
    assert isinstance(event, Simulated)
    return event


def codes(outcome: Outcome) -> list[str]:
    """The findings' codes."""
    return [finding.code for finding in simulated(outcome).findings]
