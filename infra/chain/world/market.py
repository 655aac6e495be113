"""Plays other market participants in the local world: arbitrage that restores NewSwap's price, and funding of accounts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from eth_abi.abi import decode as abi_decode

from infra.chain.world import artefacts
from infra.chain.world.artefacts import artefact
from infra.chain.world.outbox import WorldBroken, send_in_turn, signed
from infra.chain.world.plan import FOREVER, Step
from infra.ethereum.calldata import ExactInputSingle, encode

if TYPE_CHECKING:
    from infra.chain.node import Node
    from infra.chain.world.accounts import WorldAccount, WorldAccounts
    from infra.chain.world.description import World


@dataclass(frozen=True, slots=True)
class Market:
    """The local world with the keys of its own accounts.

    One at a time: two of them would take the same nonces. Methods raise WorldBroken, NodeUnavailable, NodeRefused.
    """

    node: Node
    world: World
    accounts: WorldAccounts

    def arbitrage(self) -> bool:
        """Trade until NewSwap's pool stands at $3,000 again, to the last digit; return whether there was anything to do.

        The router stops at the price limit, so the arbitrageur offers all it has.
        """
        here, there = self.sqrt_price_x96(), self.world.newswap.start_sqrt_price_x96
        if here == there:
            return False
        token0, token1 = sorted((self.world.usdc.address, self.world.weth.address), key=lambda address: int(address, 16))
        # Selling token0 brings the price of token0 down.
        token_in, token_out = (token0, token1) if here > there else (token1, token0)
        swap = ExactInputSingle(
            token_in=token_in,
            token_out=token_out,
            fee=self.world.newswap.fee,
            recipient=self.accounts.arbitrageur.address,
            deadline=FOREVER,
            amount_in=self.token_balance(token_in, self.accounts.arbitrageur.address),
            amount_out_minimum=0,
            sqrt_price_limit_x96=there,
        )
        self._send(self.accounts.arbitrageur, Step(self.world.newswap.router, encode(swap)))
        if self.sqrt_price_x96() != there:
            raise WorldBroken("the arbitrageur ran out of money; start again on a fresh chain")
        return True

    def fund(self, address: str, *, usdc: int = 0, wei: int = 0) -> None:
        """Give an account newly minted USDC (base units, 10^-6) and ether (wei), on top of what it has."""
        steps = []
        if usdc:
            steps.append(Step(self.world.usdc.address, artefact(artefacts.FIAT_TOKEN).call("mint", address, usdc)))
        if wei:
            steps.append(Step(address, b"", value=wei))
        self._send(self.accounts.issuer, *steps)

    def sqrt_price_x96(self) -> int:
        """Return where NewSwap's pool stands: the square root of token1 per token0, times 2^96 (v3-core `slot0`)."""
        answer = self.node.call(self.world.newswap.pool, artefact(artefacts.V3_POOL).call("slot0"))
        return int(abi_decode(["uint160"], answer[:32])[0])

    def token_balance(self, token: str, account: str) -> int:
        """Return an account's balance of an ERC-20 token in base units."""
        answer = self.node.call(token, artefact(artefacts.WETH9).call("balanceOf", account))
        return int.from_bytes(answer, "big")

    def _send(self, account: WorldAccount, *steps: Step) -> None:
        nonce = self.node.transaction_count(account.address, "pending")
        send_in_turn(self.node, signed(account, steps, chain_id=self.world.chain_id, first_nonce=nonce))
