"""Faults under load on real Kafka (`make chaos SEED=n MINUTES=m`): the real desk, killed and stopped while commands come."""
