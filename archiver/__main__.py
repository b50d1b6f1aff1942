"""The program's entry: the console script, and ``python -m archiver``.

Imports nothing before it can be interrupted.
"""

import sys


def main() -> int:
    """Run the command line and return its exit code."""
    try:
        from archiver.cli import main as command_line  # noqa: PLC0415 - Ctrl-C may come while it is imported

        return command_line.main()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
