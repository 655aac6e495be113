"""What the log must say after any faults: reckoned from its bytes alone, decided again, and compared with the tables."""
