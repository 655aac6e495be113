"""What is asked of governance, and what it has set: breakers, policies, proposals, rights, limits, contracts."""
