"""Whether a command comes from whom it names: the same for a desk, for governance, and for the signer that asks again."""
