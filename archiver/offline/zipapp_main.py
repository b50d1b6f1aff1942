"""``__main__`` of archiver.pyz.

Written for Python 3.6, so that an old one can say what is needed; all else in here needs 3.9.
"""

import sys


def main() -> int:
    """Run the reader's command line, or say which Python it takes."""
    if sys.version_info < (3, 9):  # noqa: UP036 - the one file that older Pythons get to run
        sys.stderr.write(
            f"archiver.pyz needs Python 3.9 or later. This is Python {sys.version.split()[0]}, {sys.executable}.\n"
            "Try python3.9, python3.11 or the like; the bundle's README tells how to read it without.\n"
        )
        return 2
    try:
        from archiver.offline.commands import run_reader  # noqa: PLC0415 - it does not parse under 3.6

        return run_reader(sys.argv[1:])
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
