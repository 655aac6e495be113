"""Cosigners: at one table in one process, and as processes."""
