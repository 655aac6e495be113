"""A firm whose orders are ready to be signed: its log so far, made in memory by the real governance, desk and execution.

Orders carry as many approvals as they are asked for, each by another person with another role and a FIDO2 key of their own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from schemas.events.lifecycle import Simulated
from schemas.values import Instant
from streams.rules.decider import Received
from streams.rules.policy import starter
from streams.signing.backends.contract import Signer
from tests.world.firm import governance as firm
from tests.world.line.line import Line
from tests.world.line.scenery import genesis, limit, pay, wallet

WALLET: Final = "treasury-1"
APPROVERS: Final = ("rita", "sven", "carl")
"""A risk officer, a senior risk officer, a compliance officer."""
ALONE_USD: Final = 5
"""What nobody has to approve."""
AGREED_USD: Final = 150
"""What all three have to."""
_QUORUM: Final = "risk-officer:1 & senior-risk-officer:1 & compliance-officer:1"
CEDAR: Final = f"""{starter.CEDAR}
@id("three-must-agree")
@reason("More than $100: three people with different duties must agree.")
@requires("{_QUORUM}")
forbid (principal, action == Action::"transfer", resource)
when {{ context.amount_usd_cents > 10000 }}
unless {{ context.quorums.contains("{_QUORUM}") }};
"""
_PATIENT: Final = {
    "price_max_age_seconds": 86_400,
    "simulation_max_age_seconds": 86_400,
    "command_max_age_seconds": 86_400,
}
"""Nothing grows old while it waits for its round."""
_CAP_USD: Final = Decimal(10_000_000)


@dataclass
class Book:
    """One wallet's orders, one after the other."""

    signer: Signer
    address: str
    """Of the wallet: whose key `signer` uses."""
    now: Instant
    line: Line = field(init=False)
    _count: int = 0

    def __post_init__(self) -> None:
        policy = firm.policy(
            cedar=CEDAR,
            limits=[limit("trader-day", f"{_CAP_USD}")],
            settings=firm.policy().settings.model_copy(update=_PATIENT),
        )
        founded = genesis(policy=policy, wallets=[wallet(WALLET, address=self.address), wallet("vault", "other")])
        self.line = Line(founded, now=self.now)
        self.line.use(self.signer)

    def order(self, *, approvals: bool) -> Received:
        """One order, from its command to its signature; gives back the simulation that was signed."""
        self._count += 1
        name = f"order {self._count}"
        before = len(self.line.records)
        self.line.send(name, pay(str(AGREED_USD if approvals else ALONE_USD), wallet_id=WALLET))
        if approvals:
            self.line.run("desk")
            for each in APPROVERS:
                self.line.approve(name, each)
        self.line.run("desk", "execution", "signer")
        assert self.line.outcome(name) == "signed", f"{name}: {self.line.outcome(name)}"
        (simulated,) = [each for each in self.line.records[before:] if isinstance(each.record, Simulated)]
        self.line.chain.mine(self.address)
        return simulated
