"""Whether the tests notice when the product is wrong: `make mutation ROOM=streams/desk`."""
