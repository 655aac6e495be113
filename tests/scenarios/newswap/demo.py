"""`make demo`: NewSwap's steps 4 to 7, from signed commands to confirmed transactions; then a key in shares, and a Safe.

Everything is real but the people's authenticators, software that makes real WebAuthn assertions: Kafka, PostgreSQL, an
HSM token, a chain with Circle's USDC and Uniswap v3. The system stays up afterwards.
"""

from __future__ import annotations

import sys
from decimal import Decimal
from functools import partial
from typing import Any, Final

from confluent_kafka import KafkaError, Message

from commands.client import CommandRefused, ShownOrder, WantedApproval, wanted
from infra.kafka import clients
from infra.local_cluster.errors import ClusterError
from infra.local_cluster.local import Cluster
from infra.local_cluster.runtime import ROOT
from schemas.canonical import approval_digest
from schemas.commands import InitiateOrder
from schemas.orders import ApproveToken, Swap, Transfer
from streams.samples.institution import DESK, PAYEE, WALLET, establish
from tests.scenarios.newswap import alarm, joint, vault
from tests.scenarios.newswap.cast import Cast, wait
from tests.scenarios.newswap.steps import NotHeld, Script, claim

DEPOSIT: Final = Decimal(5_000_000)
PARTS: Final = 5
FUNDS_USDC: Final = 12_000_000 * 10**6
STEPS: Final = 17 + PARTS + alarm.STEPS + vault.STEPS + joint.STEPS
READY_SECONDS_MAX: Final = 60
AUTHORIZATION_REFUSED: Final = (KafkaError.TOPIC_AUTHORIZATION_FAILED,)


class Demo:
    """The scenario, step by step. Each method is a step and returns what was found."""

    def __init__(self, cast: Cast) -> None:
        self.cast = cast
        self.deposit_id = ""
        self.part_ids: tuple[str, ...] = ()
        self.before: dict[str, int] = {}
        self.nonce_before = 0

    # Before -----------------------------------------------------------------------------------------------------

    def ready(self) -> str:
        """Wait until the gateway, the desk and prices are there."""
        claim(wait(self._answers, READY_SECONDS_MAX), "the gateway is not ready: see `make status` and .runtime/default/logs")
        self.cast.market.arbitrage()
        short = FUNDS_USDC - self.cast.balances()[self.cast.world.usdc.address]
        if short > 0:
            self.cast.market.fund(self.cast.wallet, usdc=short)
        return f"wallet {self.cast.wallet} holds {self._usdc():,.2f} USDC; its key is in the HSM and cannot leave it"

    def _answers(self) -> bool:
        try:
            return bool(self.cast.reader.read("/readyz"))
        except Exception:  # noqa: BLE001 - whatever is not there yet
            return False

    def small_payment(self) -> str:
        """An order that needs nobody goes through by itself."""
        action = Transfer(asset_id="USDC", amount=Decimal("9500.25"), destination=PAYEE)
        answer = self.cast.system.submit(DESK, WALLET, action, "custody fee")
        claim(answer.outcome == "allowed", f"policy said {answer.outcome}: {answer.refusals}")
        order = self.cast.until(answer.order_id, {"confirmed"})
        return f"order {order.order_id} in block {order.block_number}, nonce {order.nonce}: {order.transaction_hash}"

    def allowance(self) -> str:
        """NewSwap may draw exactly what the deposit needs."""
        action = ApproveToken(asset_id="USDC", amount=DEPOSIT, spender=self.cast.world.newswap.router)
        answer = self.cast.person("paula").submit(DESK, WALLET, action, "allowance for the NewSwap deposit")
        claim(answer.outcome == "needs-approval", f"policy said {answer.outcome}: {answer.refusals}")
        self.cast.person("carl").approve(wanted(answer))
        order = self.cast.until(answer.order_id, {"confirmed"})
        return f"needed {', '.join(answer.requires)}; confirmed in block {order.block_number}"

    # Step 4: five million, and who may allow it ---------------------------------------------------------------------

    def _swap(self, amount: Decimal) -> Swap:
        world = self.cast.world
        return Swap(
            asset_id="USDC",
            amount=amount,
            buy_asset_id="WETH",
            venue=world.newswap.router,
            pool_fee=world.newswap.fee,
            max_slippage=100,
        )

    def propose(self) -> str:
        """The portfolio manager asks, and policy says who must agree."""
        self.nonce_before, self.before = self.cast.nonce(), self.cast.balances()
        paula = self.cast.person("paula")
        command = paula.command(DESK, _initiate(self._swap(DEPOSIT)), "newswap-deposit-" + str(self.nonce_before))
        answer, again = paula.send(command), paula.send(command)
        claim(answer.order_id == again.order_id, "one idempotency key made two orders")
        claim(any("chief-risk-officer" in each for each in answer.requires), f"policy asked for {answer.requires}")
        self.deposit_id = answer.order_id
        rules = "; ".join(rule.reason for rule in answer.rules)
        return f"order {answer.order_id} needs {', '.join(answer.requires)}\n{rules}\nsent twice under one key: one order"

    def other_content_under_the_same_key(self) -> str:
        """The same key for another amount is its own error."""
        paula, key = self.cast.person("paula"), "newswap-deposit-" + str(self.nonce_before)
        return _refused(
            lambda: paula.send(paula.command(DESK, _initiate(self._swap(DEPOSIT - 1)), key)), "idempotency-conflict"
        )

    def without_approval(self) -> str:
        """Nobody has agreed, so nothing is simulated or signed."""
        self.cast.until(self.deposit_id, {"awaiting-approval"})
        topics = {link["topic"] for link in self.cast.events(self.deposit_id)}
        claim(not topics & {"approved", "simulated", "signed"}, f"unapproved, yet there are events on {sorted(topics)}")
        claim(self.cast.nonce() == self.nonce_before, "the wallet has sent something")
        return f"its events so far: {', '.join(sorted(topics))}"

    def approval_by_the_initiator(self) -> str:
        """She cannot approve her own order."""
        return _refused(lambda: self.cast.person("paula").approve(self._wanted()), "initiator-approves")

    def approval_of_another_amount(self) -> str:
        """An approval signs one amount; another one's is worth nothing."""
        true = self._wanted()
        action = true.subject.order.action.model_copy(update={"amount": Decimal(4_000_000)})
        order = true.subject.order.model_copy(update={"action": action})
        subject = true.subject.model_copy(update={"order": order})
        other = WantedApproval(true.order_id, true.desk_id, subject, approval_digest(subject).hex())
        return _refused(lambda: self.cast.person("carl").approve(other), "approval-of-other")

    def forged_event(self) -> str:
        """An `approved` by a principal without write access never reaches the topic."""
        outcome: list[KafkaError | None] = []

        def delivered(error: KafkaError | None, _: Message) -> None:
            outcome.append(error)

        producer = clients.producer(self.cast.description, "system", {"enable.idempotence": False})
        producer.produce("approved", b"forged", DESK.encode(), on_delivery=delivered)
        producer.flush(10)
        claim(outcome and outcome[0] is not None, "the broker took a forged event")
        error = outcome[0]
        claim(error is not None and error.code() in AUTHORIZATION_REFUSED, f"refused, but for {error}")
        return f"the broker: {error}"

    def approve(self) -> str:
        """The chief risk officer approves exactly this, with his key."""
        answer = self.cast.person("carl").approve(self._wanted())
        claim(answer.state == "approved", f"after the approval it is {answer.state}: {answer.message}")
        given = self._after("approval-given")
        return f"assertion of credential {given['assertion']['credential_id'][:16]}… over {given['approval_hash'][:16]}…"

    # Step 5: what it would do ----------------------------------------------------------------------------------------

    def flagged(self) -> str:
        """The simulation shows the loss, and nothing is signed."""
        order = self.cast.until(self.deposit_id, {"held"})
        claim(order.slippage_ppm is not None and 25_000 <= order.slippage_ppm <= 35_000, f"slippage {order.slippage_ppm} ppm")
        topics = {link["topic"] for link in self.cast.events(self.deposit_id)}
        claim("signed" not in topics and self.cast.nonce() == self.nonce_before, "something was signed")
        loss = DEPOSIT * (order.slippage_ppm or 0) / 1_000_000
        findings = "\n".join(finding.message for finding in order.findings)
        return f"{_percent(order)} of $5M is ${loss:,.0f}\n{findings}\nheld, nothing signed, the reservation stays"

    # Step 6: in five parts -------------------------------------------------------------------------------------------

    def split(self) -> str:
        """Five of a million, each judged on its own."""
        answer = self.cast.person("paula").split(self.deposit_id, [DEPOSIT / PARTS] * PARTS)
        self.part_ids = tuple(child.order_id for child in answer.children)
        claim(len(self.part_ids) == PARTS, f"{len(self.part_ids)} parts")
        states = {child.state for child in answer.children}
        claim(states == {"awaiting-approval"}, f"the parts are {states}")
        requires = {each for child in answer.children for each in child.requires}
        return f"the order is superseded; each part needs {', '.join(sorted(requires))}"

    def part(self, index: int) -> str:
        """Approve a part, and compare the chain with what was simulated."""
        order_id, before = self.part_ids[index], self.cast.balances()
        self.cast.person("rosa").approve(wanted(self.cast.until(order_id, {"awaiting-approval"})))
        order = self.cast.until(order_id, {"confirmed", "held"})
        claim(order.state == "confirmed", f"it is {order.state}: {order.findings}")
        claim(order.slippage_ppm is not None and 1_000 <= order.slippage_ppm <= 3_000, f"slippage {order.slippage_ppm} ppm")
        changed = {token: amount - before[token] for token, amount in self.cast.balances().items()}
        simulated = _changes(self.cast.event(order_id, "simulated"), self.cast.wallet)
        claim(changed == simulated, f"the chain changed by {changed}, simulated was {simulated}")
        self.cast.market.arbitrage()
        weth = Decimal(changed[self.cast.world.weth.address]).scaleb(-18)
        return f"slippage {_percent(order)}, +{weth:.6f} WETH as simulated, block {order.block_number}, nonce {order.nonce}"

    def totals(self) -> str:
        """All of it together, on the chain."""
        after, usdc = self.cast.balances(), self.cast.world.usdc.address
        spent = self.before[usdc] - after[usdc]
        claim(spent == int(DEPOSIT) * 10**6, f"the wallet spent {spent} base units")
        claim(self.cast.nonce() == self.nonce_before + PARTS, f"nonce {self.cast.nonce()}, before {self.nonce_before}")
        received = Decimal(after[self.cast.world.weth.address] - self.before[self.cast.world.weth.address]).scaleb(-18)
        return f"5,000,000.00 USDC for {received:.6f} WETH in {PARTS} transactions, nonces without a gap"

    def evidence(self) -> str:
        """Every order is a chain of hashes, from the signed command to the confirmation."""
        lengths = []
        for order_id in (self.deposit_id, *self.part_ids):
            links = self.cast.events(order_id)
            claim(all(link["verified"] for link in links), f"order {order_id} has links that do not follow")
            claim([link["sequence"] for link in links] == list(range(1, len(links) + 1)), f"order {order_id} has gaps")
            lengths.append(len(links))
        traces = {link["trace_id"] for link in self.cast.events(self.part_ids[0])}
        return f"{sum(lengths)} events in {len(lengths)} chains, all verified; one part's traces: {len(traces)}"

    def limits(self) -> str:
        """Each part's reservation is posted and the whole order's is released: each once."""
        for order_id, resolution in ((self.deposit_id, "limit-released"), *((each, "limit-posted") for each in self.part_ids)):
            claim(
                wait(lambda o=order_id, r=resolution: r in self._topics(o), 10),  # type: ignore[misc]  # lambda's defaults
                f"order {order_id} has no {resolution}",
            )
            resolved = [topic for topic in self._topics(order_id) if topic in ("limit-posted", "limit-released")]
            claim(resolved == [resolution], f"order {order_id} was resolved by {resolved}")
        return "posted within 24 h: " + ", ".join(f"{each['scope_key']} ${each['posted_usd']}" for each in self._limits()[:4])

    def superseded(self) -> str:
        """The order that was split says what became of it."""
        order = self.cast.reader.show(self.deposit_id)
        claim(order.state == "superseded" and order.child_order_ids == self.part_ids, f"it is {order.state}")
        return f"{order.order_id} → {', '.join(each[:8] + '…' for each in self.part_ids)}"

    def _limits(self) -> list[dict[str, Any]]:
        found = self.cast.reader.read("/v1/limits")
        limits: list[dict[str, Any]] = found["limits"] if isinstance(found, dict) else found
        return [each for each in limits if each["kind"] == "rolling"]

    def _topics(self, order_id: str) -> list[str]:
        return [link["topic"] for link in self.cast.events(order_id)]

    def _wanted(self) -> WantedApproval:
        return wanted(self.cast.until(self.deposit_id, {"awaiting-approval"}))

    def _after(self, topic: str) -> dict[str, Any]:
        wait(lambda: any(link["topic"] == topic for link in self.cast.events(self.deposit_id)), 10)
        return self.cast.event(self.deposit_id, topic)

    def _usdc(self) -> Decimal:
        return Decimal(self.cast.balances()[self.cast.world.usdc.address]).scaleb(-6)


def tell(script: Script, demo: Demo) -> None:
    """The story in order."""
    script.chapter("A working institution")
    script.step("The system is up, prices are observed, the wallet is funded", demo.ready)
    script.step("A $9,500.25 payment to a listed account needs nobody and is confirmed", demo.small_payment)
    script.step("NewSwap's router is allowed exactly $5,000,000, approved by the chief risk officer", demo.allowance)
    script.chapter("Step 4: a $5M deposit, above the $1M limit of a single transaction")
    script.step("Paula proposes it; policy asks for the chief risk officer; sent twice, it is one order", demo.propose)
    script.step("The same idempotency key with another amount is refused", demo.other_content_under_the_same_key)
    script.step("Without approval nothing is simulated or signed", demo.without_approval)
    script.step("Paula's approval of her own order is refused", demo.approval_by_the_initiator)
    script.step("Carl's approval of a different amount is refused", demo.approval_of_another_amount)
    script.step("An approval forged straight onto the topic is refused by the broker", demo.forged_event)
    script.step("Carl approves exactly this order with his FIDO2 key", demo.approve)
    script.chapter("Step 5: the simulation")
    script.step("It would lose between 2.5 % and 3.5 %: flagged, nothing signed", demo.flagged)
    script.chapter("Step 6: five deposits of $1M")
    script.step("Paula splits it into five", demo.split)
    for index in range(PARTS):
        script.step(
            f"Part {index + 1}: approved by Rosa, simulated at 0.1 to 0.3 %, signed, confirmed", partial(demo.part, index)
        )
    script.chapter("Afterwards")
    script.step("Balances on chain are what was simulated, nonces are gapless", demo.totals)
    script.step("The first order is superseded by its parts", demo.superseded)
    script.step("What was reserved is posted by the parts and released by the whole, each once", demo.limits)
    script.step("Every order is one verified hash chain", demo.evidence)
    alarm.tell_alarm(script, alarm.Alarm(demo.cast))
    vault.tell_vault(script, demo.cast)
    joint.tell_joint(script, demo.cast)
    script.step("The dashboard shows it", lambda: f"open {demo.cast.description.http}/")


def main() -> int:
    """Start the system, tell the story, leave it running."""
    script = Script()
    script.chapter("Starting the system")
    cluster = Cluster(ROOT / ".runtime" / "default", say=lambda line: script.console.print(f"  {line}"), found=establish)
    try:
        demo = Demo(Cast(cluster.start()))
    except ClusterError as refused:
        script.console.print(f"\n{refused}", markup=False)
        return script.close(STEPS)
    try:
        tell(script, demo)
    except NotHeld:
        script.console.print("\nSee `make status` and the logs in .runtime/default/logs.")
    script.console.print(f"\ndashboard: {demo.cast.description.http}/   stop with: make down")
    return script.close(STEPS)


def _initiate(action: Swap) -> InitiateOrder:
    return InitiateOrder(wallet_id=WALLET, action=action, memo="NewSwap deposit")


def _refused(act: Any, check: str) -> str:
    try:
        answer = act()
    except CommandRefused as refused:
        claim(refused.problem.check == check, f"refused by {refused.problem.check}: {refused.problem.detail}")
        return f"{refused.problem.status} {check}: {refused.problem.detail}"
    raise NotHeld(f"it was taken: {answer}")


def _percent(order: ShownOrder) -> str:
    return f"{Decimal(order.slippage_ppm or 0) / 10_000:.3f} %"


def _changes(simulated: dict[str, Any], wallet: str) -> dict[str, int]:
    found = [each for each in simulated["balance_changes"] if each["account"] == wallet and each["token"] is not None]
    return {each["token"]: int(each["change"]) for each in found}


if __name__ == "__main__":
    sys.exit(main())
