"""Subcommands for governance: breakers, policies, proposals, rights, limits, contracts."""
