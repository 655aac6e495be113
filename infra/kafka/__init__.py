"""Kafka: clients with the settings that make them exact and fast, and the topics with their access lists."""
