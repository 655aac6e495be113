"""Bring the local world onto a development chain, or find it there.

Each account's nonce tells which transactions are still to be sent (see `plan`), so that a repeated or interrupted deployment
ends in the same world. A chain on which the world is incomplete is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from infra.chain.node import Node
from infra.chain.prices import VenueEmpty, reference_price
from infra.chain.world.accounts import WorldAccounts
from infra.chain.world.description import save
from infra.chain.world.liquidity import USD_PER_WETH
from infra.chain.world.outbox import WorldBroken, send_together, signed
from infra.chain.world.plan import SAFE_DEPLOYER, SAFE_DEPLOYER_CODE, plan

if TYPE_CHECKING:
    from pathlib import Path

    from infra.chain.world.description import World
    from infra.chain.world.plan import Sequence

ETHER: Final = 10**18
STARTING_WEI: Final = 10**9 * ETHER
"""Set out of nothing, which only a development node does."""


def deploy(node_url: str, mnemonic: str, path: Path) -> World:
    """Return the world on the chain behind `node_url`, deployed unless it is there, and describe it in `path`.

    Raises WorldBroken when the chain holds something else; NodeUnavailable; NodeRefused when the node is no anvil.
    """
    with Node(node_url) as node:
        planned = plan(WorldAccounts.from_mnemonic(mnemonic), node.chain_id())
        node.rpc.request("anvil_setCode", SAFE_DEPLOYER, SAFE_DEPLOYER_CODE)
        for sequences in planned.phases:
            _carry_out(node, sequences, planned.world.chain_id)
        _verify(node, planned.world)
    save(planned.world, path)
    return planned.world


def _carry_out(node: Node, sequences: tuple[Sequence, ...], chain_id: int) -> None:
    nonces = [node.transaction_count(sequence.account.address) for sequence in sequences]
    ahead = [(sequence, nonce) for sequence, nonce in zip(sequences, nonces, strict=True) if nonce < len(sequence.steps)]
    if not ahead:
        return
    node.rpc.batch([("anvil_setBalance", (sequence.account.address, hex(STARTING_WEI))) for sequence, _ in ahead])
    transactions = [
        transaction
        for sequence, nonce in ahead
        for transaction in signed(sequence.account, sequence.steps[nonce:], chain_id=chain_id, first_nonce=nonce)
    ]
    send_together(node, transactions)


def _verify(node: Node, world: World) -> None:
    codes = node.rpc.batch([("eth_getCode", (address, "latest")) for address in world.contracts])
    bare = [address for address, code in zip(world.contracts, codes, strict=True) if code == "0x"]
    if bare:
        raise WorldBroken(f"no code at {', '.join(bare)}; the local world needs a fresh chain or another mnemonic")
    try:
        price = reference_price(node, world.reference_venue)
    except VenueEmpty as error:
        raise WorldBroken(str(error)) from error
    if price.usd != USD_PER_WETH:
        raise WorldBroken(f"the reference venue says {price.usd} dollars instead of {USD_PER_WETH}; use a fresh chain")
