"""What an order would do and what is known about it, and what policy, limits and breakers together say of it."""
