"""Full-text search in the index that a bundle carries: cutting text, reading queries, ranking hits."""
