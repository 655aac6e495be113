"""Founds the firm from its signed genesis, decides every change to it, and derives both again from the log."""
