"""Limits: whose they are, what counts in their windows, what each was used for, and what an order would make of them."""
