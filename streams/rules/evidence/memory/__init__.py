"""Keeps a signer's own memory: payloads by nonce, each wallet's outflow, the end of the log at the last signature."""
