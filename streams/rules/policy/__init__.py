"""Evaluates the firm's Cedar policy: on an order, on a change to the firm, and on a policy before it is activated."""
