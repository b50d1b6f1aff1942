"""The archive folder on disk (docs/format.md). Standard library only; runs on Python 3.9."""
