"""Contenders that run the same course on one cluster, one after another, in rounds."""
