"""The exactly-once loop (KIP-447): consume, decide, write events and offsets in one Kafka transaction, crash on any doubt."""
