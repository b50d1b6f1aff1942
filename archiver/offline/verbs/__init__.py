"""The reader's verbs: each module parses, calls one library function, prints, and returns an exit code."""
