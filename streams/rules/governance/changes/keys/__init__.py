"""What becomes of keys: whether what is proposed could be done, what a report of it leads to, when a key is too old."""
