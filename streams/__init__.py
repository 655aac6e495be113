"""Decides and acts: the law in `rules`, the exactly-once engine, and one folder for each process."""
