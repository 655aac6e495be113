"""Names every refusal: one tree, with stable names of checks, and what would change the answer."""
