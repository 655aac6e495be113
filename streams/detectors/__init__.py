"""Detectors propose, deciders decide: what looks wrong becomes a command to trip a breaker (architecture, rule 13)."""
