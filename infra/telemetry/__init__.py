"""Writes a process's log lines, traces and metrics. No decision reads them."""
