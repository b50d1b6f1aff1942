"""Real manuals as Debian packages them, each the output of a generator: hundreds of pages that nobody wrote for us.

A package that is not installed is downloaded by apt-get and unpacked beside, which needs no root.
"""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

from generators.sites import pages_below
from servers.fidelity import Live, Subject
from servers.real import nginx


@dataclass(frozen=True)
class Manual:
    """A manual.

    Attributes:
        name: what the table calls it.
        package: Debian's name of the package.
        page: a page of it, below /usr/share/doc; the folder above all that it needs is marked by ``//``.
        scope: the folder of the pages, below the marked one, with slashes around it.
    """

    name: str
    package: str
    page: str
    scope: str = "/"

    def subject(self, store: Path) -> Subject:
        """Return what is to be measured.

        Args:
            store: a folder to keep unpacked packages in.

        Raises:
            FileNotFoundError: the package cannot be had here.
        """
        below, _, first = self.page.partition("//")
        root = _found(self.package, f"{below}/{first}", store).parents[first.count("/")]

        @contextmanager
        def up(folder: Path) -> Iterator[Live]:
            with nginx(root, folder) as live:
                seed, scope = f"{live.url}/{first}", live.url + self.scope
                is_there = pages_below(root, live.url)
                entry = {"name": "docs", "seeds": [seed], "scope": {"include": [scope]}}
                yield Live(live.url, [seed], lambda url: url.startswith(scope) and is_there(url), [entry])

        return Subject(self.name, up)


MANUALS = (
    Manual("python3-doc", "python3.11-doc", "python3.11/html//index.html"),
    Manual("django-doc", "python-django-doc", "python-django-doc/html//index.html"),
    Manual("sphinx-doc", "sphinx-doc", "sphinx-doc/html//index.html"),
    Manual("rust-book", "rust-doc", "rust-doc/html/book//index.html"),
    Manual("rust-reference", "rust-doc", "rust-doc/html/reference//index.html"),
    Manual(
        "rust-std-collections",
        "rust-doc",
        "rust-doc/html//std/collections/index.html",
        "/std/collections/",
    ),
)


def _found(package: str, page: str, store: Path) -> Path:
    """Return where a page of a package is: as installed, or unpacked below ``store``.

    Raises:
        FileNotFoundError: the package cannot be had, or has no such page.
    """
    installed = Path("/usr/share/doc", page)
    if installed.is_file():
        return installed.resolve()
    unpacked = store / package
    if not unpacked.is_dir():
        store.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            ["apt-get", "download", "--quiet", package],
            cwd=store,
            capture_output=True,
            text=True,
            check=False,
        )
        files = sorted(store.glob(f"{package}_*.deb"))
        if done.returncode or not files:
            raise FileNotFoundError(f"{package} is not installed, and apt-get says: {done.stderr.strip()}")
        subprocess.run(["dpkg-deb", "-x", files[-1], unpacked], check=True)
    found = unpacked / "usr/share/doc" / page
    if not found.is_file():
        raise FileNotFoundError(f"{package} has no {page}")
    return found
