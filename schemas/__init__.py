"""Defines the language: commands, events, values, topics, their Avro form and the hash chain. Imports nothing of ours."""
