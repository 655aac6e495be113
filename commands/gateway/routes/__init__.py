"""Serves commands to desks and to governance, the schema registry, health. Reading is in `projections.api`."""
