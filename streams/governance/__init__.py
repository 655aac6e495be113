"""Runs governance: the firm's access, assets, wallets, contracts and policy, from a signed genesis file to one view."""
