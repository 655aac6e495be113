"""From signed bytes to the chain's nodes."""
