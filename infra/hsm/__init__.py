"""Keys that never leave their token: the PKCS#11 adapter, and SoftHSM2 as the token of a local cluster."""
