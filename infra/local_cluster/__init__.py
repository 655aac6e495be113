"""The local cluster: Kafka, PostgreSQL, a chain node, an HSM token and our own processes, under one supervisor."""
