"""Keeps what a signer must never forget: payloads by nonce, value that left each wallet, how far the log had come."""
