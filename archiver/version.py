"""The program's version, kept apart so that a build can read it without importing anything else."""

VERSION = "0.1.0"
PROGRAM = f"archiver {VERSION}"
