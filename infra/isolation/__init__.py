"""Confines a process before it touches a key: files, ports and system calls."""
