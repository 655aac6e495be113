"""Loads the starter policy from beside this file: `policy.cedar`, its rules, and `schema.cedarschema`, its attributes."""

from importlib import resources

CEDAR = resources.files(__name__).joinpath("policy.cedar").read_text("utf-8")
"""The rules, in the Cedar language."""

CEDAR_SCHEMA = resources.files(__name__).joinpath("schema.cedarschema").read_text("utf-8")
"""The attributes that rules may read: exactly those of `policy.context`."""
