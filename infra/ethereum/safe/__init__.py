"""A Safe 1.4.1 on an EVM chain: what its owners sign, the transaction that carries it, and whether it is what it should be."""
