"""What may come in: strict JSON, well-formed requests, senders who are who they say."""
