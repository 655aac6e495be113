"""Runs PostgreSQL for a local cluster: the server from a wheel, and its roles."""
