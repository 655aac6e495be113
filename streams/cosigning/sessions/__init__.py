"""Runs a cosigner's side of sessions: checks, state, messages."""
