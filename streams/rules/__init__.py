"""The law: every rule that decides about money, rights and evidence. Pure: no clock, no randomness, no I/O.

Imports `schemas`, `infra.ethereum` and `infra.proofs`, and nothing else of ours; a contract of import-linter holds that. Every
process, the gateway, the projections and the compliance verifier apply these same rules.

    decider, chaining, pages, answered_orders    what a decider is, and how its events become links of a chain
    refusals/       one tree of refusals: what was refused, and what would change it
    access/         who sent a command, and what they may do
    firm/           the firm as governance has decided it: people, wallets, limits, keys
    actions/        one order kind a file: effect, call, balances, exposure
    limits/         whose limits apply, what has been used, what an order would use
    prices/         the latest price of each asset, and what an exchange is worth
    breakers/       what is stopped, and what passes all the same
    policy/         the firm's Cedar policy: asked, explained, reviewed
    orders/         a desk's decider: an order from intake to its end
    transactions/   from an approved order to exact bytes, broadcast and confirmation
    governance/     how the firm is founded and changed
    detectors/      which breaker an event asks for
    evidence/       whether the log itself proves that a transaction may be signed
"""
