"""Desk decisions per second on real Kafka: our engine, the same loop deciding nothing, and two stream libraries."""
