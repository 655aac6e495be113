"""Where keys are: one class for each kind of place, behind one contract. Keys, and shares of keys, never leave their place."""
