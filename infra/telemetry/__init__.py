"""What a running process says of itself: log lines, traces, metrics. Nothing is ever decided on any of them."""
