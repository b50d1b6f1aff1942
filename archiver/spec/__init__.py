"""Specs: what to archive. The model, loading from YAML with file and line, the JSON Schema."""
