# ruff: noqa: INP001 - a script that is run by its path, in no package
"""Print how many tests ran and how many were skipped, from a JUnit report; fail unless all of them ran."""

import sys
import xml.etree.ElementTree as ET
from pathlib import Path


def main(report: str) -> int:
    """Return 0 where tests ran and none was skipped, else 1."""
    cases = list(ET.parse(Path(report)).iter("testcase"))  # noqa: S314 - pytest wrote it a moment ago
    skipped = [case for case in cases if case.find("skipped") is not None]
    for case in skipped:
        reason = case.find("skipped").get("message", "")  # type: ignore[union-attr]  # found just above
        print(f"ci: skipped: {case.get('classname')}::{case.get('name')}: {reason}")  # noqa: T201
    print(f"ci: {len(cases)} tests, {len(skipped)} skipped")  # noqa: T201 - what this script is for
    return 0 if cases and not skipped else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
