"""Admits strict JSON, well-formed requests and authenticated senders."""
