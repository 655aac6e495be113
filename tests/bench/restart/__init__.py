"""Measures the time until a partition is ready again after a million orders, and the memory it takes."""
