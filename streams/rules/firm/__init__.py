"""Folds governance's events into one immutable view of the firm: people, wallets, limits, policy, keys."""
