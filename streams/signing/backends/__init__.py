"""Signs with keys in each kind of place, behind one contract. Keys, and shares of keys, never leave their place."""
