"""A key in shares: ordered by a quorum, made by five cosigners, used by three of them, renewed, destroyed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from schemas.keys import ActivateKey, DestroyKey, GenerateKey, RotateKey, SuspendKey
from schemas.orders import Transfer
from schemas.topics import COSIGNERS
from streams.samples.institution import DESK, PAYEE
from tests.scenarios.newswap.cast import Cast, wait
from tests.scenarios.newswap.quorum import CEREMONY_SECONDS_MAX, Quorum
from tests.scenarios.newswap.steps import Script, claim

KEY_ID: Final = "vault"
THRESHOLD: Final = 3
SITES_MIN: Final = 2
FUNDS_USDC: Final = 50_000 * 10**6
FUNDS_WEI: Final = 10**18
PAID_USDC: Final = Decimal("4321.25")
STEPS: Final = 7


class Vault:
    """A wallet whose key is in shares, from its order to its end. Each method is a step and returns what was found."""

    def __init__(self, cast: Cast) -> None:
        self.cast = cast
        self.quorum = Quorum(cast)
        self.key_id = self.quorum.unused(KEY_ID)

    def generate(self) -> str:
        """A quorum orders a key; five cosigners make it, and none of them has it."""
        change = GenerateKey(
            key_id=self.key_id, backend="mpc", threshold=THRESHOLD, cosigners=list(COSIGNERS), sites_min=SITES_MIN
        )
        requires = self.quorum.agreed(change, "a vault for the reserve")
        self.quorum.await_state(self.key_id, "active", "the cosigners did not make the key")
        key = self._key()
        sites = ", ".join(f"{each['cosigner']} in {each['site']}" for each in key["cosigners"])
        return f"needed {requires}; {THRESHOLD} of {len(key['cosigners'])} for {key['address']}\n{sites}"

    def activate(self) -> str:
        """It has no wallet before a second quorum has seen its address."""
        change = ActivateKey(
            key_id=self.key_id,
            key_backend="mpc",
            wallet_id=self.key_id,
            desk_id=DESK,
            chain_id=self.cast.world.chain_id,
            address=self._key()["address"],
        )
        self.quorum.agreed(change, "the reserve moves there")
        claim(wait(lambda: bool(self._key()["uses"])), "no wallet was given to the key")
        self.cast.market.fund(self._key()["address"], usdc=FUNDS_USDC, wei=FUNDS_WEI)
        return f"wallet {self.key_id} of desk {DESK}, funded"

    def pay(self) -> str:
        """Three cosigners at two sites judge the order, each for itself, and sign it together."""
        signed = self._paid()
        taken = [each["cosigner"] for each in signed["attestation"]["cosigners"]]
        sites = {each["site"] for each in signed["attestation"]["cosigners"]}
        claim(len(taken) == THRESHOLD and len(sites) >= SITES_MIN, f"signed by {taken} at {sorted(sites)}")
        return f"signed by {', '.join(taken)} at {', '.join(sorted(sites))}: {signed['transaction_hash']}"

    def renew(self) -> str:
        """New shares of the same key: the address stays, the old shares are dead."""
        before = self._key()
        self.quorum.agreed(RotateKey(key_id=self.key_id), "once a quarter")
        claim(wait(lambda: self._key()["epoch"] > before["epoch"], CEREMONY_SECONDS_MAX), "the shares were not renewed")
        after = self._key()
        claim(after["address"] == before["address"], f"the address is {after['address']} now, it was {before['address']}")
        return f"shares of epoch {after['epoch']}, before {before['epoch']}; the address is the same"

    def pay_again(self) -> str:
        """The new shares sign."""
        signed = self._paid()
        return f"epoch {signed['attestation']['epoch']}: {signed['transaction_hash']}"

    def destroy(self) -> str:
        """A key with a wallet is suspended first. Then every share is destroyed, with its holder's word for it."""
        self.quorum.agreed(SuspendKey(key_id=self.key_id), "nothing is signed with it any more")
        self.quorum.await_state(self.key_id, "suspended", "the key was not suspended")
        requires = self.quorum.agreed(DestroyKey(key_id=self.key_id), "the reserve has moved on")
        self.quorum.await_state(self.key_id, "destroyed", "the shares were not destroyed")
        said = self.cast.reader.read(f"/v1/keys/{self.key_id}")["history"]
        proofs = [proof for each in said if each["topic"] == "key-destroyed" for proof in each["event"]["proofs"]]
        claim(len(proofs) >= len(COSIGNERS), f"only {len(proofs)} of {len(COSIGNERS)} shares were proved destroyed")
        return f"needed {requires}; {len(proofs)} proofs, each signed by the cosigner that destroyed its share"

    def nothing_left(self) -> str:
        """Nothing is signed with a key that was destroyed."""
        answer = self.cast.system.submit(DESK, self.key_id, self._payment(), "too late")
        if answer.outcome == "refused":
            return "; ".join(f"{refusal.check}: {refusal.message}" for refusal in answer.refusals)
        order = self.cast.until(answer.order_id, {"signing-refused"})
        return f"order {order.order_id}: {self.cast.event(order.order_id, 'signing-refused')['refusal']['message']}"

    def _paid(self) -> dict[str, Any]:
        answer = self.cast.system.submit(DESK, self.key_id, self._payment(), "from the vault")
        claim(answer.outcome == "allowed", f"policy said {answer.outcome}: {answer.refusals}")
        self.cast.until(answer.order_id, {"confirmed"})
        return self.cast.event(answer.order_id, "signed")

    def _key(self) -> dict[str, Any]:
        return self.quorum.key(self.key_id)

    def _payment(self) -> Transfer:
        return Transfer(asset_id="USDC", amount=PAID_USDC, destination=PAYEE)


def tell_vault(script: Script, cast: Cast) -> None:
    """The story of a key in order."""
    script.chapter("Step 8: a key that nobody holds")
    vault = Vault(cast)
    script.step("A quorum orders a key in five shares, and the cosigners make it", vault.generate)
    script.step("A second quorum sees its address and gives the desk a wallet", vault.activate)
    script.step("Three cosigners at two sites judge an order and sign it together; it is confirmed", vault.pay)
    script.step("The shares are renewed: the same address, the old ones dead", vault.renew)
    script.step("The new shares sign", vault.pay_again)
    script.step("A quorum has the key destroyed, each share with its proof", vault.destroy)
    script.step("Nothing is signed with it any more", vault.nothing_left)
