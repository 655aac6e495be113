"""Signing: the enclave beside the bare token, `judge` beside the signatures in an order, shares beside their library."""
