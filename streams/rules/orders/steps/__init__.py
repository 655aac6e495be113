"""Decides the steps of an open order: approvals, cancellation, splits, and its end."""
