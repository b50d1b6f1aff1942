"""``make bench-frontier``: what a million queued URLs cost.

``archiver archive`` is given a site whose list pages name as many pages as asked for (default 1,000,000), and a
limit that ends the crawl when all lists are read and none of the pages is. Time and memory are the operating
system's own accounting of the finished process and its children (wait4): the highest resident memory of any one.
Ends with exit code 1 where that is over the promised 300 MB.

Usage: frontier.py [URLS]
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from servers.endless_list import answer_lists
from servers.site import serving

PROMISED = 300 << 10  # KiB


def main() -> int:
    """Measure, print one line, and say by the exit code whether the promise holds."""
    urls = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as name, serving({}) as site:
        lists = answer_lists(site, urls)
        spec = Path(name) / "many.yaml"
        docs = [
            {
                "name": "docs",
                "seeds": [site.url("/docs/")],
                "limits": {"pages": lists + 1},
                "sitemaps": "none",
            }
        ]
        spec.write_text(json.dumps({"project": "many", "docs": docs}))
        began = time.monotonic()
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "archiver",
                "archive",
                "--json",
                "--archives",
                f"{name}/archives",
                str(spec),
            ],
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        summary = json.load(process.stdout)
        _, _, usage = os.wait4(process.pid, 0)
        process.returncode = 0
        seconds = time.monotonic() - began
    print(
        f"{urls:,} URLs queued from {summary['pages']} pages: {seconds:.1f} s, "
        f"{usage.ru_utime + usage.ru_stime:.1f} s of processor, {usage.ru_maxrss >> 10} MB at most"
    )
    return int(usage.ru_maxrss > PROMISED)


if __name__ == "__main__":
    sys.exit(main())
