"""The read side: rows in PostgreSQL folded from the log, what people see of them, and nothing that decides."""
