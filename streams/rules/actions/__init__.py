"""Derives from an order what it does: its decoded effect, its call, its balances, and the exposure it adds."""
