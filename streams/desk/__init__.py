"""A desk's orders from intake to hand-over: checks, policy, limits, approvals. One writer per desk."""
