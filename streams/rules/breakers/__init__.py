"""Decides which orders a tripped breaker stops, and which breaker a breached limit asks for."""
