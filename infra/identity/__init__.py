"""Holds identities: a software authenticator, Ed25519 key files, private files and the pinned root key."""
