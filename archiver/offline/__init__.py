"""The reading side: opening, verifying and serving. Ships inside every bundle; runs on Python 3.9."""
