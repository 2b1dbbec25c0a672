"""Generators of odd media, made from the demo set: one module per subject, small functions that write a file."""
