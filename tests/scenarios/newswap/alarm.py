"""A protocol looks like an exploit: a breaker stops it at once, funds may leave to safety, a quorum resumes."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from commands.client import CommandRefused, wanted_agreement
from schemas.orders import Swap, Transfer
from streams.samples.institution import DESK, HOLDING, PROTOCOL, WALLET
from tests.scenarios.newswap.cast import Cast, wait
from tests.scenarios.newswap.steps import NotHeld, Script, claim

EVACUATED_USDC: Final = Decimal(100_000)
STEPS: Final = 5


class Alarm:
    """The breaker of NewSwap's protocol, from the alarm to the reset. Each method is a step and returns what was found."""

    def __init__(self, cast: Cast) -> None:
        self.cast = cast
        self.proposal_id = ""

    def trip(self) -> str:
        """One officer is enough to stop something."""
        answer = self.cast.person("rosa").trip("protocol", PROTOCOL, "open", "an anomalous withdrawal was seen")
        claim((answer.state, answer.breaker) == ("tripped", "open"), f"it is {answer.state} {answer.breaker}")
        return f"protocol {PROTOCOL} is {answer.breaker}"

    def stopped(self) -> str:
        """Neither a trial nor an order gets through, and both say why."""
        paula = self.cast.person("paula")
        claim(wait(lambda: "breaker-open" in self._checks(), 10), "the desk has not heard of the breaker")
        trial = paula.attempt(DESK, WALLET, self._swap())
        answer = paula.submit(DESK, WALLET, self._swap(), "during the alarm")
        claim(
            (trial.outcome, answer.outcome) == ("refused", "refused"), f"a trial is {trial.outcome}, an order {answer.outcome}"
        )
        return "\n".join(f"{refusal.message} {refusal.remedy}" for refusal in answer.refusals[:1])

    def evacuate(self) -> str:
        """Every breaker lets funds go to the wallet's own holding address."""
        everything = self.cast.person("selma").trip("firm", "*", "open", "all stop")
        claim(everything.state == "tripped", f"it is {everything.state}")
        action = Transfer(asset_id="USDC", amount=EVACUATED_USDC, destination=HOLDING)
        answer = self.cast.person("paula").submit(DESK, WALLET, action, "to safety")
        claim(answer.outcome == "allowed", f"policy said {answer.outcome}: {answer.refusals}")
        order = self.cast.until(answer.order_id, {"confirmed"})
        return f"the whole firm is stopped; {EVACUATED_USDC:,} USDC confirmed at {HOLDING} in block {order.block_number}"

    def not_alone(self) -> str:
        """The proposer of the reset does not count, and one approval is not enough."""
        rosa = self.cast.person("rosa")
        proposed = rosa.propose_reset("protocol", PROTOCOL, "it was a rebalancing")
        self.proposal_id = proposed.proposal_id or ""
        try:
            self._agree("rosa")
        except CommandRefused as refused:
            own = refused.problem.check
        else:
            raise NotHeld("the proposer's own agreement was counted")
        self._agree("carl")
        claim(self.cast.reader.proposal(self.proposal_id).state == "awaiting-approval", "one person was enough")
        return f"needs {', '.join(proposed.requires)}; rosa's own agreement: {own}; carl's alone is not enough"

    def resume(self) -> str:
        """A quorum of others resets it; what was stopped goes on."""
        self._agree("cora")
        firm = self.cast.person("carl").propose_reset("firm", "*", "all clear")
        self.proposal_id = firm.proposal_id or ""
        for name in ("rosa", "cora"):
            self._agree(name)
        claim(wait(lambda: not self._checks(), 10), f"a trial is still refused: {self._checks()}")
        return f"breakers that are tripped: {len(self.cast.reader.read('/v1/breakers')['breakers'])}"

    def _agree(self, name: str) -> None:
        claim(wait(self._shown, 10), f"proposal {self.proposal_id} is not shown")
        self.cast.person(name).approve_proposal(wanted_agreement(self.cast.reader.proposal(self.proposal_id)))

    def _shown(self) -> bool:
        try:
            return bool(self.cast.reader.proposal(self.proposal_id).proposal_id)
        except CommandRefused:
            return False

    def _checks(self) -> set[str]:
        """The checks that would refuse a swap now."""
        trial = self.cast.person("paula").attempt(DESK, WALLET, self._swap())
        return {refusal.check for refusal in trial.refusals}

    def _swap(self) -> Swap:
        world = self.cast.world
        return Swap(
            asset_id="USDC",
            amount=Decimal(1_000),
            buy_asset_id="WETH",
            venue=world.newswap.router,
            pool_fee=world.newswap.fee,
            max_slippage=100,
        )


def tell_alarm(script: Script, alarm: Alarm) -> None:
    """The alarm in order."""
    script.chapter("Step 7: an alarm")
    script.step("Rosa, a risk officer, trips the breaker of NewSwap's protocol alone", alarm.trip)
    script.step("A trial and an order are refused, with the reason", alarm.stopped)
    script.step("The whole firm is stopped, and $100,000 still goes to the holding address", alarm.evacuate)
    script.step("To go on takes two others: the proposer's own agreement does not count", alarm.not_alone)
    script.step("A risk officer and compliance agree: what was stopped goes on", alarm.resume)
