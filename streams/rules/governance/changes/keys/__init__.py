"""Governs keys: reviews proposals, acts on reports, warns of old keys."""
