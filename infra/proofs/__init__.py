"""Verifies signatures and assertions from their bytes alone: WebAuthn, COSE, Ed25519, sealed envelopes. Pure."""
