"""HTTP: commands in, answers out, the schema registry, health. Every problem is RFC 9457."""
