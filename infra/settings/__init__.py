"""Reads what an installation is told: the cluster it belongs to, the root key it has pinned, the genesis file."""
