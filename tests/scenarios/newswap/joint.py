"""A Safe of three keys is created by an order, used while two of its owners sign, and not after."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from decimal import Decimal
from typing import Any, Final

from commands.cli.desk.orders import described
from commands.client import ShownOrder, wanted
from infra.ethereum import transaction
from infra.ethereum.safe import transaction as safe_transaction
from infra.ethereum.safe.signatures import SIGNATURE_BYTES
from schemas.keys import ActivateKey, GenerateKey, SafeAccount, SuspendKey
from schemas.orders import Transfer
from schemas.topics import COSIGNERS
from streams.samples.institution import DESK, PAYEE, WALLET
from tests.scenarios.newswap.cast import Cast, wait
from tests.scenarios.newswap.quorum import Quorum
from tests.scenarios.newswap.steps import NotHeld, Script, claim

NAME: Final = "joint"
THRESHOLD: Final = 2
COSIGNERS_SIGNING: Final = 3
FUNDED_USDC: Final = Decimal(20_000)
EXECUTOR_WEI: Final = 10**18
PAID_USDC: Final = Decimal("1234.50")
STEPS: Final = 8


class Joint:
    """A Safe, from its plan until too few of its owners may sign. Each method is a step and returns what was found."""

    def __init__(self, cast: Cast) -> None:
        self.cast = cast
        self.quorum = Quorum(cast)
        self.wallet_id = self.quorum.unused(NAME)
        self.shared, self.sender, self.spare = (f"{self.wallet_id}-{role}" for role in ("shared", "sender", "spare"))
        self.planned: dict[str, Any] = {}

    @property
    def address(self) -> str:
        """The Safe's address, before and after its creation."""
        return str(self.planned["address"])

    def make_keys(self) -> str:
        """One in five shares, two in the token."""
        in_shares = GenerateKey(key_id=self.shared, backend="mpc", threshold=COSIGNERS_SIGNING, cosigners=list(COSIGNERS))
        in_token = [GenerateKey(key_id=key_id, backend="hsm") for key_id in (self.sender, self.spare)]
        for change in (in_shares, *in_token):
            self.quorum.agreed(change, "an owner of the joint wallet")
        for change in (in_shares, *in_token):
            self.quorum.await_state(change.key_id, "active", f"key {change.key_id} was not made")
        self.cast.market.fund(self.quorum.key(self.sender)["address"], wei=EXECUTOR_WEI)
        keys = [self.quorum.key(key_id) for key_id in (self.shared, self.sender, self.spare)]
        return "\n".join(f"{key['key_id']}: {key['backend']}, {key['address']}" for key in keys)

    def plan(self) -> str:
        """The command line says where it will be; who asks for what cannot work is told so."""
        owners = [word for key_id in (self.shared, self.sender, self.spare) for word in ("--owner", key_id)]
        asked = ["safe", "plan", *owners, "--threshold", str(THRESHOLD), "--wallet", WALLET]
        wrong = self._proofdesk(*asked, "--executor", self.shared, status=3)
        claim(wrong["check"] == "executor-in-shares", f"refused by {wrong['check']}")
        self.planned = self._proofdesk(*asked, "--executor", self.sender)
        claim(self._code() == b"", f"there is something at {self.address} already")
        return f"{THRESHOLD} of {len(owners) // 2} owners, at {self.address}\nwith another executor: {wrong['detail']}"

    def create(self) -> str:
        """An ordinary order of the treasury's wallet calls the proxy factory."""
        key = str(self.cast.institution.authenticator_file("paula"))
        answer = self._proofdesk("order", "submit", "-", "--key", key, stdin=json.dumps(self.planned["order"]))
        claim(answer["outcome"] == "needs-approval", f"policy said {answer['outcome']}: {answer['refusals']}")
        self.cast.person("rosa").approve(wanted(self._until(answer["order_id"], "awaiting-approval")))
        order = self._until(answer["order_id"], "confirmed")
        claim(self._code(), f"there is nothing at {self.address}")
        return f"needed {', '.join(answer['requires'])}; created in block {order.block_number}, {_cost(order)}"

    def activate(self) -> str:
        """A quorum has seen address, owners, threshold and executor."""
        change = ActivateKey(
            key_id=self.wallet_id,
            key_backend="safe",
            wallet_id=self.wallet_id,
            desk_id=DESK,
            chain_id=self.planned["chain_id"],
            address=self.address,
            safe=SafeAccount.model_validate(self.planned["safe"]),
        )
        requires = self.quorum.agreed(change, "the fee account wants two signatures")
        claim(wait(lambda: self.quorum.find(self.wallet_id) is not None), "no wallet was made of the Safe")
        return f"needed {requires}; wallet {self.wallet_id} of desk {DESK}"

    def fund(self) -> str:
        """Its address is on no list, so two officers agree to the payment."""
        action = Transfer(asset_id="USDC", amount=FUNDED_USDC, destination=self.address)
        answer = self.cast.person("paula").submit(DESK, WALLET, action, "for the joint wallet")
        claim(answer.outcome == "needs-approval", f"policy said {answer.outcome}: {answer.refusals}")
        for name in ("selma", "cora"):
            self.cast.person(name).approve(wanted(self._until(answer.order_id, "awaiting-approval")))
        self._until(answer.order_id, "confirmed")
        claim(self._usdc() == FUNDED_USDC, f"it holds {self._usdc()} USDC")
        return f"needed {', '.join(answer.requires)}; it holds {self._usdc():,} USDC"

    def pay(self) -> str:
        """Three cosigners judge and sign as one owner; the token, the other owner, sends it."""
        order, signed = self._paid()
        taken = [each["cosigner"] for each in signed["attestation"]["cosigners"]]
        claim(len(taken) == COSIGNERS_SIGNING, f"{taken} took part")
        claim(signed["attestation"]["owners"] == [self.shared, self.sender], f"owners: {signed['attestation']['owners']}")
        return f"{self.shared} by {', '.join(taken)}; {self.sender} sent it: {order.transaction_hash}\n{_cost(order)}"

    def pay_without_the_shares(self) -> str:
        """The key in shares is suspended, and the third owner signs in its place."""
        self._suspend(self.shared)
        order, signed = self._paid()
        claim(not signed["attestation"]["cosigners"], "cosigners signed with a key that is suspended")
        claim(signed["attestation"]["owners"] == [self.spare, self.sender], f"owners: {signed['attestation']['owners']}")
        return f"{self.shared} is suspended; {self.spare} and {self.sender} signed: {order.transaction_hash}"

    def too_few(self) -> str:
        """Two of three are suspended, and nothing is signed."""
        self._suspend(self.spare)
        before = self._usdc()
        answer = self.cast.system.submit(DESK, self.wallet_id, self._payment(), "too late")
        self._until(answer.order_id, "signing-refused")
        refusal = self.cast.event(answer.order_id, "signing-refused")["refusal"]
        claim(refusal["check"] == "key", f"refused by {refusal['check']}: {refusal['message']}")
        claim(self._usdc() == before, f"it held {before} USDC, and holds {self._usdc()}")
        return f"{refusal['check']}: {refusal['message']}\n{refusal['remedy']}"

    def _paid(self) -> tuple[ShownOrder, dict[str, Any]]:
        """An order that needs nobody, confirmed and its money moved; with what is said of its signature."""
        before = self._usdc()
        answer = self.cast.system.submit(DESK, self.wallet_id, self._payment(), "custody fee")
        claim(answer.outcome == "allowed", f"policy said {answer.outcome}: {answer.refusals}")
        order = self._until(answer.order_id, "confirmed")
        signed = self.cast.event(answer.order_id, "signed")
        claim(signed["attestation"]["backend"] == "safe", f"signed by {signed['attestation']['backend']}")
        sent, _ = transaction.decode_raw(bytes.fromhex(signed["raw_transaction"][2:]))
        _, signatures = safe_transaction.decode(sent.data)
        claim(
            sent.to == self.address and len(signatures) == THRESHOLD * SIGNATURE_BYTES,
            f"{len(signatures)} bytes are signatures",
        )
        claim(self._usdc() == before - PAID_USDC, f"it held {before} USDC, and holds {self._usdc()}")
        return order, signed

    def _suspend(self, key_id: str) -> None:
        self.quorum.agreed(SuspendKey(key_id=key_id), "its holder left")
        self.quorum.await_state(key_id, "suspended", f"key {key_id} was not suspended")
        said = self.cast.reader.read(f"/v1/keys/{key_id}")["history"]
        position = max(each["position"] for each in said if each["topic"] == "key-suspended")
        claim(wait(lambda: self._decides_after(position)), "the desk has not heard of it")

    def _decides_after(self, position: int) -> bool:
        """True if an order placed now is decided and signed by processes that know governance up to `position`."""
        facts = self.cast.system.attempt(DESK, self.wallet_id, self._payment()).facts
        return facts is not None and facts.governance_position >= position

    def _until(self, order_id: str, state: str) -> ShownOrder:
        return self.cast.until(order_id, {state})

    def _payment(self) -> Transfer:
        return Transfer(asset_id="USDC", amount=PAID_USDC, destination=PAYEE)

    def _usdc(self) -> Decimal:
        return Decimal(self.cast.market.token_balance(self.cast.world.usdc.address, self.address)).scaleb(-6)

    def _code(self) -> bytes:
        return self.cast.market.node.code(self.address)

    def _proofdesk(self, *arguments: str, status: int = 0, stdin: str = "") -> Any:
        """The command line's output for programs."""
        done = subprocess.run(
            [sys.executable, "-m", "commands.cli", *arguments, "--json"],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PROOFDESK_RUNTIME": str(self.cast.description.runtime), "PROOFDESK_URL": ""},
        )
        if done.returncode != status:
            raise NotHeld(f"proofdesk {' '.join(arguments)}: exit {done.returncode}, {done.stderr}")
        return json.loads(done.stdout)


def _cost(order: ShownOrder) -> str:
    """The order's cost, as `proofdesk order show` prints it."""
    return f"gas {dict(described(order))['gas']}"


def tell_joint(script: Script, cast: Cast) -> None:
    """The story of a Safe in order."""
    script.chapter("Step 9: a wallet that two of three keys must sign for, on the chain itself")
    joint = Joint(cast)
    script.step("A quorum has three keys made, one in shares and two in the token", joint.make_keys)
    script.step("The command line says at which address their Safe will be", joint.plan)
    script.step("An ordinary order, approved by Rosa, creates it through Safe's own factory", joint.create)
    script.step("A quorum sees address and owners, and gives it to the desk as a wallet", joint.activate)
    script.step("An order pays $20,000 to it, which two officers agree to", joint.fund)
    script.step("Cosigners and token sign its payment; it is confirmed, and says what it cost", joint.pay)
    script.step("The key in shares is suspended: another owner signs in its place", joint.pay_without_the_shares)
    script.step("Another one is suspended, too: nothing is signed any more", joint.too_few)
