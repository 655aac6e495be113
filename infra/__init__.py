"""Adapters to the outside: Kafka, PostgreSQL, keys, chain nodes, telemetry, and the local cluster that runs them."""
