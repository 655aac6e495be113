"""The law: every rule that decides about money, rights and evidence. Pure: no clock, no randomness, no I/O.

Imports `schemas`, `infra.ethereum` and `infra.proofs`, and nothing else of ours; a contract of import-linter holds that. Every
process, the gateway, the projections and the compliance verifier apply these same rules.

    decider, chaining, pages, answered_orders    the decider, and the chaining of its events
    refusals/       one tree of refusals: the check, its finding, and the remedy
    access/         the sender of a command, and their rights
    firm/           the firm as governance has decided it: people, wallets, limits, keys
    actions/        one order kind a file: effect, call, balances, exposure
    limits/         the limits that apply, their use, and the use by an order
    prices/         the latest price of each asset, and the value of an exchange
    breakers/       the orders that a breaker stops, and those that pass
    policy/         the firm's Cedar policy: asked, explained, reviewed
    orders/         a desk's decider: an order from intake to its end
    transactions/   from an approved order to exact bytes, broadcast and confirmation
    governance/     the firm's genesis and every change to it
    detectors/      the breaker that an event asks for
    evidence/       the log's own proof that a transaction may be signed
"""
