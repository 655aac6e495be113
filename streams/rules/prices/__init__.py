"""Reads independent prices: the latest of each asset, and values an exchange at them."""
