"""Keys outside a token: shares of threshold keys, what seals and keeps them, and a development key in a file."""
