"""Cedar itself: a policy's text made ready, what its rules look at, and asking it."""
