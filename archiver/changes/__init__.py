"""What is different between two snapshots, and what became of one page over all of them (docs/changes.md)."""
