"""NewSwap, steps 4 to 6 of the acceptance scenario: a local institution, its world, and what happens there."""
