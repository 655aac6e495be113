"""What happens to an order that was taken in: approvals, cancellation, splits, and its end."""
