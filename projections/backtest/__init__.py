"""Which past orders another policy would have decided otherwise. Pure: from the log's own events to the answer."""
