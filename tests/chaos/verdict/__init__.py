"""Judges the log after any faults: from its bytes alone, decided again, and compared with the tables."""
