"""From an approved order to the exact transaction: its nonce, its bytes, its fees, and what it would do on chain."""
