"""Lists the findings that a person must review before a transaction is signed (mission, step 4 of the lifecycle). Pure.

Each check looks at the simulation alone and yields findings; the transaction passes when there is none. Decides:
 - it must not revert, lose more against independent prices than the order allows, or move anything of the wallet's but what
   the effect says (`balances`);
 - it may touch contracts that governance listed, tokens of listed assets, companions of the listed contracts it touches, and
   the account the order itself names, which policy has judged; a call may touch contracts that it creates;
 - foreign code may run only as a companion of the contract that runs it or of the target, or as a listed contract;
 - it leaves the one allowance behind that the order asks for: limited, exact, to a listed contract;
 - no breaker that was tripped since its approval stops it;
 - nothing destroys itself, and the chain has seen no transaction of the wallet that we have not.
Leaves out policy's verdict, balances that move without a log, and allowances of accounts that are not ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from infra.ethereum.trace import UNLIMITED_AMOUNT_MIN
from schemas.events.lifecycle import AllowanceGranted, SimulationFinding
from schemas.orders import ApproveToken, Call, Swap, Transfer
from schemas.values import TEXT_CHARACTERS_MAX, Address
from streams.rules.actions.balances import unmeant
from streams.rules.breakers.after_approval import stops_now
from streams.rules.prices.valuation import PPM_PER_BASIS_POINT, usd_lost
from streams.rules.transactions.simulation import Exchange, Simulation

PPM_PER_PERCENT: Final = 10_000
FINDINGS_MAX: Final = 100
"""A call that touches hundreds of unlisted contracts is described well enough by the first hundred."""


def judge(simulation: Simulation, next_nonce: int) -> list[SimulationFinding]:
    """Return every finding, in the order of the checks. `next_nonce`: the wallet's next one by our own log."""
    findings = [finding for check in CHECKS for finding in check(simulation)]
    findings += _foreign_transactions(simulation, next_nonce)
    return findings[:FINDINGS_MAX]


def _finding(code: str, message: str) -> SimulationFinding:
    return SimulationFinding(code=code, message=message[:TEXT_CHARACTERS_MAX])


def _reverts(simulation: Simulation) -> Iterator[SimulationFinding]:
    if simulation.exact.ok:
        return
    exchange = simulation.exchange
    if exchange is None or not _exceeds(simulation, exchange):  # else its own minimum stops it, and the loss is the finding
        yield _finding("reverts", f"the transaction would fail: {simulation.exact.revert_reason}")


def _slippage(simulation: Simulation) -> Iterator[SimulationFinding]:
    exchange, action = simulation.exchange, simulation.approved.order.action
    if exchange is None or not isinstance(action, Swap) or not _exceeds(simulation, exchange):
        return
    lost = usd_lost(exchange.given, exchange.amount_in, exchange.slippage_ppm)
    yield _finding(
        "slippage-above-bound",
        f"loses {_percent(exchange.slippage_ppm)} against independent prices, ${lost:,.2f}; the order allows "
        f"{_percent(action.max_slippage * PPM_PER_BASIS_POINT)}: split it, or cancel it",
    )


def _exceeds(simulation: Simulation, exchange: Exchange) -> bool:
    action = simulation.approved.order.action
    return isinstance(action, Swap) and exchange.slippage_ppm > action.max_slippage * PPM_PER_BASIS_POINT


def _touched(simulation: Simulation) -> Iterator[SimulationFinding]:
    allowed = _known(simulation) | _created(simulation)
    for touched in simulation.shown.touched:
        allowed |= _companions(simulation, touched)
    for address in simulation.shown.touched:
        if address not in allowed:
            yield _finding("contract-not-listed", f"touches {address}, which nobody listed: have it audited and listed first")


def _delegate_calls(simulation: Simulation) -> Iterator[SimulationFinding]:
    known = _known(simulation) | _companions(simulation, simulation.effect.contract)
    for call in simulation.shown.delegate_calls:
        if call.code not in known | _companions(simulation, call.contract):
            yield _finding(
                "delegate-call-unlisted",
                f"{call.contract} runs the code at {call.code} with its own storage and money, and nobody listed that code",
            )


def _known(simulation: Simulation) -> set[Address]:
    """Return the addresses that any call may touch: those that governance or the order itself names."""
    effect, governance = simulation.effect, simulation.governance
    listed = {
        contract.address
        for contract in governance.contracts.values()
        if contract.kind == "contract" and contract.chain_id == effect.chain_id
    }
    tokens = {asset.token for asset in governance.assets.values() if asset.token and asset.chain_id == effect.chain_id}
    named = {effect.wallet, effect.counterparty} if isinstance(simulation.approved.order.action, Transfer) else {effect.wallet}
    return listed | tokens | named


def _created(simulation: Simulation) -> set[Address]:
    """Return the contracts that a call creates; a person has reviewed every call, and could not have listed them before."""
    return set(simulation.shown.creations) if isinstance(simulation.approved.order.action, Call) else set()


def _companions(simulation: Simulation, address: Address) -> set[Address]:
    listed = simulation.governance.contracts.get((simulation.effect.chain_id, address))
    return set() if listed is None else set(listed.companions)


def _allowances(simulation: Simulation) -> Iterator[SimulationFinding]:
    ordered = _ordered_allowance(simulation)
    granted = [each for each in simulation.shown.allowances if each.owner == simulation.effect.wallet]
    for each in granted:
        yield from _allowance(simulation, each, ordered)
    if ordered is not None and simulation.shown.ok and ordered not in granted:
        yield _finding("allowance-missing", f"would not let {ordered.spender} draw the {ordered.amount} base units it should")


def _allowance(
    simulation: Simulation, granted: AllowanceGranted, ordered: AllowanceGranted | None
) -> Iterator[SimulationFinding]:
    spender = simulation.governance.contracts.get((simulation.effect.chain_id, granted.spender))
    if granted.amount >= UNLIMITED_AMOUNT_MIN:
        yield _finding("allowance-unlimited", f"lets {granted.spender} draw without limit on {granted.token}")
    if spender is None or spender.kind != "contract":
        yield _finding("allowance-unlisted-spender", f"lets {granted.spender} draw on {granted.token}, and nobody listed it")
    if granted != ordered:
        yield _finding(
            "allowance-not-ordered",
            f"lets {granted.spender} draw {granted.amount} base units of {granted.token}, which the order does not ask for",
        )


def _ordered_allowance(simulation: Simulation) -> AllowanceGranted | None:
    effect = simulation.effect
    token = simulation.governance.assets[effect.spends_asset_id].token
    if token is None or not isinstance(simulation.approved.order.action, ApproveToken):
        return None
    return AllowanceGranted(token=token, owner=effect.wallet, spender=effect.counterparty, amount=effect.spends)


def _balances(simulation: Simulation) -> Iterator[SimulationFinding]:
    if not simulation.shown.ok:
        return
    for (account, token), change, meant in unmeant(simulation):
        yield _finding(
            "unexpected-balance-change",
            f"{account} would change by {change} base units of {token or 'the native asset'}, where the order means {meant}",
        )


def _breakers(simulation: Simulation) -> Iterator[SimulationFinding]:
    """Yield breakers tripped since the order was approved."""
    for stop in stops_now(simulation.approved.order, simulation.effect, simulation.governance):
        yield _finding("breaker", f"{stop}; {stop.record().remedy}")


def _destruction(simulation: Simulation) -> Iterator[SimulationFinding]:
    for address in simulation.shown.self_destructs:
        yield _finding("self-destruct", f"{address} destroys itself in this transaction")


def _wallet(simulation: Simulation) -> Iterator[SimulationFinding]:
    wallet = simulation.governance.wallets.get(simulation.approved.order.wallet_id)
    meant = (simulation.effect.chain_id, simulation.effect.wallet, simulation.approved.desk_id)
    if wallet is None or (wallet.chain_id, wallet.address, wallet.desk_id) != meant:
        yield _finding("wallet-reassigned", "the wallet is no longer the one that was approved: cancel the order")


def _foreign_transactions(simulation: Simulation, next_nonce: int) -> Iterable[SimulationFinding]:
    if simulation.account_nonce > next_nonce:
        yield _finding(
            "nonce-used-outside",
            f"the chain has {simulation.account_nonce} transactions of this wallet and our log {next_nonce}: its key was used "
            "without us, so stop using the wallet and find out by whom",
        )


def _percent(ppm: int) -> str:
    return f"{ppm // PPM_PER_PERCENT}.{ppm % PPM_PER_PERCENT // 10:03d} %"


CHECKS: Final[tuple[Callable[[Simulation], Iterator[SimulationFinding]], ...]] = (
    _wallet,
    _breakers,
    _reverts,
    _slippage,
    _balances,
    _allowances,
    _touched,
    _delegate_calls,
    _destruction,
)
"""Every check that needs only the simulation, in the order of their findings."""
