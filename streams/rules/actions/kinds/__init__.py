"""One module an order kind; each implements `actions.kind.OrderKind`."""
