"""The engine alone: a limit of 24 hours a key, and nothing else; beside a bare loop and two stream libraries."""
