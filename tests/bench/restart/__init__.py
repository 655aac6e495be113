"""How soon a partition is ready again after a million orders, and how much memory it takes."""
