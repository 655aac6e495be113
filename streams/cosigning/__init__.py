"""Cosigners: five processes that each hold one share of every key in shares, and sign only what they judged for themselves."""
