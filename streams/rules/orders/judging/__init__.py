"""Judges an order: collects its facts, asks policy, limits and breakers, and writes the events of the outcome."""
