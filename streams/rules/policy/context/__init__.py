"""Derives the attributes that rules read: of an order and its facts, and of a change to the firm."""
