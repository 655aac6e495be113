"""From what the log says about one order to a verdict, without trusting whoever wrote it."""
