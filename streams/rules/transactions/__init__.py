"""Builds and reviews the exact transaction of an approved order, and follows it to its confirmation."""
