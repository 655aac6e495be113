"""What an order would do on chain, decoded: shown to approvers, signed by them, and compared again by the signer.

Also the pre-trade checks that only an order's own fields and governance's lists are needed for (mission, lifecycle step 1):
wallet, asset, precision, destination. Pure, and free of policy: a listed destination is not looked for here.
The called functions are those of `infra.ethereum.calldata`, and any other that an order spells out. An order's counterparty is
who gains power over what it spends: who receives, which router, vault or contract is paid, who may draw.
"""

from __future__ import annotations

from decimal import Context, Decimal
from typing import Final, assert_never

from infra.ethereum import calldata, spelled_call
from schemas.events.governance import AssetListed, WalletAssigned
from schemas.orders import ApproveToken, Call, Deposit, Effect, Order, Swap, Transfer, Withdraw
from schemas.values import AMOUNT_DIGITS_MAX, BASE_UNITS_MAX, Address, AssetId, BaseUnits, plain
from streams.rules.firm.view import Governance
from streams.rules.refusals import orders as refusals

NATIVE_TRANSFER: Final = "native transfer"
ZERO_ADDRESS: Final[Address] = "0x0000000000000000000000000000000000000000"

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
"""What no `call` may be (EIP-20, 677, 721, 777, 1155, 1363, 2612 and Dai's form of it, 4626, 6909, Permit2, Safe 1.4.1): tokens
and shares move by actions of their own, and a Safe by its own orders; power over them would count as nothing in limits."""
_RESERVED_SELECTORS: Final = frozenset(spelled_call.selector(function) for function in RESERVED_FUNCTIONS)
"""A contract knows a function by four bytes, for which other names can be found."""

_EXACT: Final = Context(prec=3 * AMOUNT_DIGITS_MAX)
"""Room for the longest amount there is, so that nothing is ever rounded."""


def effect_of(order: Order, governance: Governance) -> Effect:
    """What `order` would do, with amounts in base units.

    Raises:
        Refused: it cannot be done at all: an unknown wallet or asset, another desk's wallet, an amount that the asset
            cannot express, a destination where it would be lost.
    """
    wallet = _wallet(order, governance)
    spent = _asset(order.action.asset_id, wallet, governance)
    amount = base_units(order.action.amount, spent)
    match order.action:
        case Transfer(destination=destination):
            _check_destination(destination, wallet, spent)
            contract, call = spent.token or destination, calldata.Transfer.SIGNATURE if spent.token else NATIVE_TRANSFER
            return _effect(wallet, contract, call, spent, amount, destination)
        case ApproveToken(spender=spender):
            _check_destination(spender, wallet, spent)
            return _effect(wallet, _token(spent, "token approval"), calldata.Approve.SIGNATURE, spent, amount, spender)
        case Swap():
            return _swap(order.action, wallet, spent, amount, governance)
        case Deposit():
            return _deposit(order.action, wallet, spent, amount, governance)
        case Withdraw():
            return _withdraw(order.action, wallet, spent, amount)
        case Call():
            return _call(order.action, wallet, spent, amount, governance)
        case _ as unknown:
            assert_never(unknown)


def base_units(amount: Decimal, asset: AssetListed) -> BaseUnits:
    """`amount` whole units in the asset's smallest unit, exactly.

    Raises:
        AmountTooPrecise, AmountTooLarge: it cannot be expressed.
    """
    scaled = _EXACT.scaleb(amount, asset.decimals)
    if scaled != scaled.to_integral_value():
        raise refusals.AmountTooPrecise(amount=plain(amount), asset_id=asset.asset_id, decimals=asset.decimals)
    if scaled > BASE_UNITS_MAX:
        raise refusals.AmountTooLarge(amount=plain(amount), asset_id=asset.asset_id)
    return int(scaled)


def exact_sum(amounts: list[Decimal]) -> Decimal:
    """The sum of amounts of one asset, without rounding."""
    total = Decimal(0)
    for amount in amounts:
        total = _EXACT.add(total, amount)
    return total


def _swap(swap: Swap, wallet: WalletAssigned, spent: AssetListed, amount: BaseUnits, governance: Governance) -> Effect:
    if swap.buy_asset_id == swap.asset_id:
        raise refusals.AssetsEqual(asset_id=swap.asset_id)
    bought = _asset(swap.buy_asset_id, wallet, governance)
    _token(bought, "swap")
    _token(spent, "swap")
    _check_destination(swap.venue, wallet, spent)
    effect = _effect(wallet, swap.venue, calldata.ExactInputSingle.SIGNATURE, spent, amount, swap.venue)
    return effect.model_copy(update={"receives_asset_id": swap.buy_asset_id})


def _deposit(deposit: Deposit, wallet: WalletAssigned, spent: AssetListed, amount: BaseUnits, governance: Governance) -> Effect:
    """What comes back are shares, which are an asset of the firm's if governance listed them."""
    _token(spent, "deposit")
    _check_destination(deposit.vault, wallet, spent)
    effect = _effect(wallet, deposit.vault, calldata.Deposit.SIGNATURE, spent, amount, deposit.vault)
    shares = _token_at(deposit.vault, wallet.chain_id, governance)
    return effect if shares is None else effect.model_copy(update={"receives_asset_id": shares.asset_id})


def _withdraw(withdraw: Withdraw, wallet: WalletAssigned, taken: AssetListed, amount: BaseUnits) -> Effect:
    """Of the asset nothing is spent, and exactly the amount comes back."""
    _token(taken, "withdrawal")
    _check_destination(withdraw.vault, wallet, taken)
    effect = _effect(wallet, withdraw.vault, calldata.Withdraw.SIGNATURE, taken, 0, withdraw.vault)
    return effect.model_copy(update={"receives_asset_id": taken.asset_id, "receives": amount})


def _call(call: Call, wallet: WalletAssigned, spent: AssetListed, amount: BaseUnits, governance: Governance) -> Effect:
    """Refuses what has an action of its own, in which whom it goes to is not hidden among arguments."""
    _check_destination(call.contract, wallet, spent)
    token = _token_at(call.contract, wallet.chain_id, governance)
    if token is not None:
        raise refusals.CallReserved(function=call.function, contract=call.contract, why=f"it is the token {token.asset_id}")
    if spelled_call.selector(call.function) in _RESERVED_SELECTORS:
        raise refusals.CallReserved(function=call.function, contract=call.contract, why="it moves assets or power over them")
    try:
        spelled_call.encode(call.function, call.arguments)
    except calldata.MalformedCalldata as malformed:
        raise refusals.CallMalformed(reason=malformed) from malformed
    return _effect(wallet, call.contract, call.function, spent, amount, call.contract)


def _token_at(address: Address, chain_id: int, governance: Governance) -> AssetListed | None:
    """The listed asset whose contract stands at `address`; None when there is none."""
    listed = (asset for asset in governance.assets.values() if (asset.chain_id, asset.token) == (chain_id, address))
    return next(listed, None)


def _effect(  # noqa: PLR0913, PLR0917 - the fields of an effect, in their order
    wallet: WalletAssigned, contract: Address, call: str, spent: AssetListed, amount: BaseUnits, counterparty: Address
) -> Effect:
    return Effect(
        chain_id=wallet.chain_id,
        wallet=wallet.address,
        contract=contract,
        call=call,
        spends_asset_id=spent.asset_id,
        spends=amount,
        counterparty=counterparty,
    )


def _wallet(order: Order, governance: Governance) -> WalletAssigned:
    wallet = governance.wallets.get(order.wallet_id)
    if wallet is None:
        raise refusals.WalletUnknown(wallet_id=order.wallet_id)
    if wallet.desk_id != order.desk_id:
        raise refusals.WalletOfOtherDesk(wallet_id=order.wallet_id, desk_id=order.desk_id)
    return wallet


def _asset(asset_id: AssetId, wallet: WalletAssigned, governance: Governance) -> AssetListed:
    asset = governance.assets.get(asset_id)
    if asset is None:
        raise refusals.AssetUnknown(asset_id=asset_id)
    if asset.chain_id != wallet.chain_id:
        raise refusals.AssetOnOtherChain(asset_id=asset_id, asset_chain=asset.chain_id, wallet_chain=wallet.chain_id)
    return asset


def _token(asset: AssetListed, kind: str) -> Address:
    if asset.token is None:
        raise refusals.AssetNotToken(asset_id=asset.asset_id, kind=kind)
    return asset.token


def _check_destination(address: Address, wallet: WalletAssigned, spent: AssetListed) -> None:
    """Refuse what is well formed and still nowhere to send to: tokens sent to their own contract are lost."""
    if address == ZERO_ADDRESS:
        raise refusals.DestinationPointless(address=address, why="the zero address, from which nothing comes back")
    if address == wallet.address:
        raise refusals.DestinationPointless(address=address, why=f"the wallet {wallet.wallet_id} itself")
    if address == spent.token:
        raise refusals.DestinationPointless(address=address, why=f"the contract of {spent.asset_id} itself")
