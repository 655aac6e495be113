"""Finds the past orders that another policy would have decided otherwise. Pure: from the log's own events."""
