"""Derives an order's consequences: its decoded effect, its call, its balances, and the exposure it adds."""
