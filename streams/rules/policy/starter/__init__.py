"""The policy a firm starts with, beside this file: `policy.cedar` for its risk officers, `schema.cedarschema` for its terms."""

from importlib import resources

CEDAR = resources.files(__name__).joinpath("policy.cedar").read_text("utf-8")
"""The rules, in the Cedar language."""

CEDAR_SCHEMA = resources.files(__name__).joinpath("schema.cedarschema").read_text("utf-8")
"""What the rules can see: exactly what `policy.context` tells them, so no policy can be written against other terms."""
