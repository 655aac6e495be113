"""Derives a verdict on one order from the log, without trusting its writers."""
