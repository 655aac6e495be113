"""Every transaction that makes the local world, in order, before any is sent. Pure.

Each account starts at nonce 0 and sends only these transactions: so all addresses are known beforehand, everything can be
signed and sent at once, and an interrupted deployment continues from each account's nonce. There are two phases: USDC, WETH and
the money; then NewSwap, the reference venue and the arbitrageur, which need them, side by side, and Safe's contracts. These
have the same addresses as on public chains: their authors deploy them through a contract of their own
(safe-global/safe-singleton-factory), by CREATE2 with salt 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from eth_utils.crypto import keccak

from infra.chain.world import artefacts, liquidity
from infra.chain.world.accounts import create2_address, created_address
from infra.chain.world.artefacts import artefact
from infra.chain.world.description import NewSwap, Reference, Token, World
from infra.chain.world.liquidity import USDC_BASE_UNITS, WETH_BASE_UNITS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.chain.world.accounts import WorldAccount, WorldAccounts

UINT256_MAX: Final = 2**256 - 1
NO_ADDRESS: Final = "0x" + "00" * 20
FOREVER: Final = 2**40
"""A deadline in seconds since the epoch that the local world does not reach."""
MINT_ALLOWANCE: Final = 10**20
PROVISION_USDC: Final = 100_000_000 * USDC_BASE_UNITS
PROVISION_WETH: Final = 200_000 * WETH_BASE_UNITS
"""Starting balances of NewSwap's liquidity provider and of the arbitrageur, each."""
REFERENCE_USDC: Final = 300_000_000 * USDC_BASE_UNITS
REFERENCE_WETH: Final = 100_000 * WETH_BASE_UNITS
"""The reference pair's depth; the quotient is its price, $3,000."""

SAFE_DEPLOYER: Final = "0x914d7Fec6aaC8cd542e72Bca78B30650d45643d7"
SAFE_DEPLOYER_CODE: Final = (
    "0x7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe0"
    "3601600081602082378035828234f58015156039578182fd5b8082525050506014600cf3"
)
"""Takes a salt and init code, and creates a contract from them. Set out of nothing, where on public chains it was created by a
transaction of its authors' own."""

GAS_CREATION: Final = 6_000_000
GAS_CALL: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Step:
    """One transaction: contract creation (`to` None) or call. Value in wei."""

    to: str | None
    data: bytes
    value: int = 0
    gas_limit: int = GAS_CALL


@dataclass(slots=True)
class Sequence:
    """The transactions of one account; a step's place is its nonce."""

    account: WorldAccount
    steps: list[Step] = field(default_factory=list)

    def create(self, init_code: bytes) -> str:
        """Add a contract creation and return the address it will have."""
        self.steps.append(Step(None, init_code, gas_limit=GAS_CREATION))
        return created_address(self.account.address, len(self.steps) - 1)

    def call(self, to: str, data: bytes, *, value: int = 0, gas_limit: int = GAS_CALL) -> None:
        """Add a call."""
        self.steps.append(Step(to, data, value, gas_limit))


@dataclass(frozen=True, slots=True)
class Plan:
    """The world to be, and the phases that lead to it; sequences of one phase do not depend on each other."""

    world: World
    phases: tuple[tuple[Sequence, ...], ...]


def plan(accounts: WorldAccounts, chain_id: int) -> Plan:
    """Return the plan of the world that these accounts make up."""
    money, usdc, weth, addresses = _money(accounts)
    exchange, newswap = _newswap(accounts.newswap, usdc, weth)
    venue, reference = _reference(accounts.reference, usdc, weth)
    arbitrageur = Sequence(accounts.arbitrageur)
    arbitrageur.call(weth, artefact(artefacts.WETH9).call("deposit"), value=PROVISION_WETH)
    _approve(arbitrageur, newswap.router, usdc, weth)
    world = World(
        chain_id=chain_id,
        usdc=Token(address=usdc, symbol="USDC", decimals=6),
        usdc_implementation=addresses["implementation"],
        usdc_signature_checker=addresses["signature_checker"],
        weth=Token(address=weth, symbol="WETH", decimals=18),
        newswap=newswap,
        reference=reference,
    )
    return Plan(world, ((money,), (exchange, venue, arbitrageur, _safes(accounts.safes))))


def _money(accounts: WorldAccounts) -> tuple[Sequence, str, str, Mapping[str, str]]:
    """Circle's USDC behind its proxy, initialised through every version as on mainnet; WETH9; and what all others need."""
    issuer = accounts.issuer.address
    steps = Sequence(accounts.issuer)
    token, proxy = artefact(artefacts.FIAT_TOKEN), artefact(artefacts.FIAT_TOKEN_PROXY)
    checker = steps.create(artefact(artefacts.SIGNATURE_CHECKER).init_code())
    implementation = steps.create(token.init_code(libraries={"SignatureChecker": checker}))
    usdc = steps.create(proxy.init_code(implementation))
    # The proxy does not let its admin call the token, and its creator is its admin.
    steps.call(usdc, proxy.call("changeAdmin", accounts.proxy_admin.address))
    steps.call(usdc, token.call("initialize", "USD Coin", "USDC", "USD", 6, issuer, issuer, issuer, issuer))
    steps.call(usdc, token.call("initializeV2", "USD Coin"))
    steps.call(usdc, token.call("initializeV2_1", accounts.proxy_admin.address))
    steps.call(usdc, token.call("initializeV2_2", [], "USDC"))
    steps.call(usdc, token.call("configureMinter", issuer, MINT_ALLOWANCE))
    weth = steps.create(artefact(artefacts.WETH9).init_code())
    shares = ((accounts.newswap, PROVISION_USDC), (accounts.arbitrageur, PROVISION_USDC), (accounts.reference, REFERENCE_USDC))
    for account, amount in shares:
        steps.call(usdc, token.call("mint", account.address, amount))
    return steps, usdc, weth, {"implementation": implementation, "signature_checker": checker}


def _newswap(account: WorldAccount, usdc: str, weth: str) -> tuple[Sequence, NewSwap]:
    """Uniswap v3: factory, periphery, and one pool of the 0.01 % tier with NewSwap's book in it."""
    steps = Sequence(account)
    manager = artefact(artefacts.POSITION_MANAGER)
    factory = steps.create(artefact(artefacts.V3_FACTORY).init_code())
    positions = steps.create(manager.init_code(factory, weth, NO_ADDRESS))
    router = steps.create(artefact(artefacts.SWAP_ROUTER).init_code(factory, weth))
    quoter = steps.create(artefact(artefacts.QUOTER).init_code(factory, weth))
    # Version 1.0.1's constructor does not know the tier; on mainnet it was added by governance in the same way.
    steps.call(factory, artefact(artefacts.V3_FACTORY).call("enableFeeAmount", liquidity.POOL_FEE, liquidity.TICK_SPACING))
    token0, token1 = _in_order(usdc, weth)
    usdc_is_token0 = token0 == usdc
    start = liquidity.sqrt_price_x96(liquidity.start_price(usdc_is_token0=usdc_is_token0))
    pool_of = (token0, token1, liquidity.POOL_FEE)
    steps.call(positions, manager.call("createAndInitializePoolIfNecessary", *pool_of, start), gas_limit=GAS_CREATION)
    salt = b"".join(part.to_bytes(32, "big") for part in (int(token0, 16), int(token1, 16), liquidity.POOL_FEE))
    pool = create2_address(factory, keccak(salt), artefact(artefacts.V3_POOL).init_code())
    steps.call(weth, artefact(artefacts.WETH9).call("deposit"), value=PROVISION_WETH)
    _approve(steps, positions, usdc, weth)
    for band in liquidity.BOOK:
        place = liquidity.position(band, usdc_is_token0=usdc_is_token0)
        amounts = (place.amount0, place.amount1, 0, 0)
        mint = manager.call("mint", (*pool_of, place.tick_lower, place.tick_upper, *amounts, account.address, FOREVER))
        steps.call(positions, mint)
    return steps, NewSwap(
        factory=factory,
        position_manager=positions,
        router=router,
        quoter=quoter,
        pool=pool,
        fee=liquidity.POOL_FEE,
        start_sqrt_price_x96=start,
    )


def _reference(account: WorldAccount, usdc: str, weth: str) -> tuple[Sequence, Reference]:
    """Uniswap v2: a factory and one deep pair, filled directly."""
    steps = Sequence(account)
    pair_of = artefact(artefacts.V2_PAIR)
    factory = steps.create(artefact(artefacts.V2_FACTORY).init_code(account.address))
    steps.call(factory, artefact(artefacts.V2_FACTORY).call("createPair", usdc, weth), gas_limit=GAS_CREATION)
    token0, token1 = _in_order(usdc, weth)
    pair = create2_address(factory, keccak(bytes.fromhex(token0[2:] + token1[2:])), pair_of.init_code())
    steps.call(weth, artefact(artefacts.WETH9).call("deposit"), value=REFERENCE_WETH)
    steps.call(usdc, artefact(artefacts.FIAT_TOKEN).call("transfer", pair, REFERENCE_USDC))
    steps.call(weth, artefact(artefacts.WETH9).call("transfer", pair, REFERENCE_WETH))
    steps.call(pair, pair_of.call("mint", account.address))
    return steps, Reference(factory=factory, pair=pair)


def _safes(account: WorldAccount) -> Sequence:
    """Safe 1.4.1: what proxies run, and the factory of proxies (`infra.ethereum.safe.deployment`)."""
    steps = Sequence(account)
    for name in (artefacts.SAFE_SINGLETON, artefacts.SAFE_PROXY_FACTORY):
        steps.call(SAFE_DEPLOYER, bytes(32) + artefact(name).init_code(), gas_limit=GAS_CREATION)
    return steps


def _approve(steps: Sequence, spender: str, *tokens: str) -> None:
    for token in tokens:
        steps.call(token, artefact(artefacts.WETH9).call("approve", spender, UINT256_MAX))


def _in_order(usdc: str, weth: str) -> tuple[str, str]:
    return (usdc, weth) if int(usdc, 16) < int(weth, 16) else (weth, usdc)
