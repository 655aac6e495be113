"""Founds a sample institution in a local cluster, for development, the demo and the tests. Never part of production."""
