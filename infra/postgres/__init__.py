"""PostgreSQL of a local cluster: the server that a wheel carries, and its roles."""
