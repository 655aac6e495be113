"""Decides a desk's orders, from intake to their end. One writer per desk."""
