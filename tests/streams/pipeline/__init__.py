"""Tests all processors on a log that fails, from a seed, against invariants that hold through deaths, duplicates and delays."""
