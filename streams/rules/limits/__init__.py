"""Limits: the order's subjects, the windows, the ledger of use, and the assessment of an order."""
