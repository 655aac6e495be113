"""What a cosigner does in a session: what it checks, what it keeps, what it says."""
