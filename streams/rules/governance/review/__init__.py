"""Checks the parts of a firm one by one: the same checks at genesis and of every later proposal."""
