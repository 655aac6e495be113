"""Reads independent prices: the latest of each asset, and what an exchange is worth against them."""
