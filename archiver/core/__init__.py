"""The vocabulary that every other package shares. Standard library only; runs on Python 3.9."""
