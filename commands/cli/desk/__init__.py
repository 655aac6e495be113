"""What is asked of a desk: orders and approvals."""
