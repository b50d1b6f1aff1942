"""Judging what a run got of a source: whether it is fit to replace what is there. Pure."""
