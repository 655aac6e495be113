"""From a broadcast transaction to its confirmation, or its revert, at a depth that the firm's policy names."""
