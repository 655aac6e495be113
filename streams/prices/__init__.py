"""Independent prices: observed at venues that are not traded on, published, and read by those who decide."""
