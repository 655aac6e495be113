"""Mutation testing: checks that the tests notice changes to the product (`make mutation ROOM=streams/rules/orders`)."""
