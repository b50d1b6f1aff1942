"""Packing a snapshot into one file that anyone can check, carry and read (docs/format.md, "The bundle")."""
