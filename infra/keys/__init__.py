"""Holds keys outside a token: shares of threshold keys, their sealing and storage, and development keys in files."""
