"""The whole line on a log that fails, from a seed: what must hold whatever dies, comes twice, or comes late."""
