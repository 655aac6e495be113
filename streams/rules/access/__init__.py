"""Authenticates a command's sender: the same rule for a desk, for governance, and for the signer that checks again."""
