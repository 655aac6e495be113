"""Call: calls a function that the order spells out, which may spend up to its amount. Pure.

Refuses every function that has an action of its own, whose receiver would be hidden among arguments.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

from infra.ethereum import calldata, spelled_call
from infra.ethereum.trace import UINT256_MAX
from schemas.events.governance import AssetListed
from schemas.orders import Call, Effect
from schemas.values import AssetId
from streams.rules.actions.checks import check_destination, token_at
from streams.rules.actions.compiled import CompiledCall, NotCompilable
from streams.rules.actions.kind import ANY_GAIN, BalanceBounds, BalanceKey, OrderKind, Proposed, ToCompile, spent_balance
from streams.rules.refusals import orders as refusals

RESERVED_FUNCTIONS: Final = frozenset({
    *(call.SIGNATURE for call in calldata.CALLS),
    "transferFrom(address,address,uint256)",
    "safeTransferFrom(address,address,uint256)",
    "safeTransferFrom(address,address,uint256,bytes)",
    "safeTransferFrom(address,address,uint256,uint256,bytes)",
    "transferAndCall(address,uint256)",
    "transferAndCall(address,uint256,bytes)",
    "transferFromAndCall(address,address,uint256)",
    "transferFromAndCall(address,address,uint256,bytes)",
    "transferFrom(address,address,uint160,address)",
    "send(address,uint256,bytes)",
    "operatorSend(address,address,uint256,bytes,bytes)",
    "approveAndCall(address,uint256)",
    "approveAndCall(address,uint256,bytes)",
    "approve(address,address,uint160,uint48)",
    "increaseAllowance(address,uint256)",
    "increaseApproval(address,uint256)",
    "setApprovalForAll(address,bool)",
    "authorizeOperator(address)",
    "setOperator(address,bool)",
    "permit(address,address,uint256,uint256,uint8,bytes32,bytes32)",
    "permit(address,address,uint256,uint256,bool,uint8,bytes32,bytes32)",
    "approveHash(bytes32)",
    "execTransaction(address,uint256,bytes,uint8,uint256,uint256,uint256,address,address,bytes)",
    "mint(uint256,address)",
    "redeem(uint256,address,address)",
})  # fmt: skip
"""Functions that no `call` may name (EIP-20, 677, 721, 777, 1155, 1363, 2612 and Dai's form of it, 4626, 6909, Permit2, Safe
1.4.1): tokens and shares move by actions of their own, and a Safe by its own orders; limits would not count power over them."""
_RESERVED_SELECTORS: Final = frozenset(spelled_call.selector(function) for function in RESERVED_FUNCTIONS)
"""Selectors of these functions: a contract knows a function by four bytes, so other names can select it."""


class CallKind(OrderKind[Call]):
    """May bring any asset in. The contract decides the rest, so a call never counts as lowering exposure."""

    sentence: ClassVar[str] = "Call {function} at {contract}, spending at most {amount} {asset_id}"
    gives_away: ClassVar[bool] = True
    other_balances: ClassVar[BalanceBounds] = ANY_GAIN

    def effect(self, action: Call, proposed: Proposed) -> Effect:
        """Gives the contract power over the amount."""
        function, contract = action.function, action.contract
        check_destination(contract, proposed.wallet, proposed.spent)
        token = token_at(contract, proposed.wallet.chain_id, proposed.governance)
        if token is not None:
            raise refusals.CallReserved(function=function, contract=contract, why=f"it is the token {token.asset_id}")
        if spelled_call.selector(function) in _RESERVED_SELECTORS:
            raise refusals.CallReserved(function=function, contract=contract, why="it moves assets or power over them")
        try:
            spelled_call.encode(function, action.arguments)
        except calldata.MalformedCalldata as malformed:
            raise refusals.CallMalformed(reason=malformed) from malformed
        return proposed.effect(contract, function, contract)

    def call(self, action: Call, given: ToCompile) -> CompiledCall:
        """Sends native money along; the contract draws a token through an allowance that another order gave."""
        effect = given.effect
        if effect.call != action.function:
            raise NotCompilable(f"the order calls {action.function}, its effect says {effect.call}")
        try:
            data = spelled_call.encode(action.function, action.arguments)
        except calldata.MalformedCalldata as malformed:
            raise NotCompilable(str(malformed)) from malformed
        return CompiledCall(effect.contract, effect.spends if given.asset.token is None else 0, data)

    def balances(self, action: Call, effect: Effect, assets: Mapping[AssetId, AssetListed]) -> dict[BalanceKey, BalanceBounds]:
        """At most the amount leaves."""
        _ = action
        return {spent_balance(effect, assets): BalanceBounds(-effect.spends, UINT256_MAX)}
