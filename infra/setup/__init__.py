"""Installs what the repository needs, from lists that pin every download by its checksum.

`make setup` runs these modules before any dependency is there, so they import the standard library only.
"""
