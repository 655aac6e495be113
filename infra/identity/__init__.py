"""Who somebody is: WebAuthn assertions, Ed25519 signatures and the private files that hold keys."""
