"""Names every refusal: one tree, with stable names of checks, and remedies."""
