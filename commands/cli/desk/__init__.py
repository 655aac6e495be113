"""Subcommands for a desk: orders and approvals."""
