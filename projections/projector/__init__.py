"""The process that keeps the tables up with the log."""
