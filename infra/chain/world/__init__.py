"""A LOCAL world for the demo and the tests: real contracts on a chain of one's own. Never part of production.

Circle's USDC, WETH9, Uniswap v3 as the exchange "NewSwap", a Uniswap v2 pair of another deployer as the independent
reference for prices, and Safe 1.4.1 for wallets of several owners. It mints money and sets balances and code, so it works on a
development node (anvil) and nowhere else.
`python -m infra.chain.world --help`.
"""
