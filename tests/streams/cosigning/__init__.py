"""Tests cosigners in one process and as processes of their own."""
