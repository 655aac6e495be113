"""Checks documents against the code: no dead citation, generated pages up to date, the tutorial runs."""
