"""``make bench-search``: the search index of 25,000 pages of manuals, in English, Chinese, Japanese, Korean and others.

Debian's packages of manuals are downloaded once and unpacked below ``build/bench-search`` (no package is installed). Each is a
doc site; every HTML page is read as a bundle's pages are, and an index is written. Then everything is asked as the server
asks: queries taken from headings of the pages themselves, in all their languages, words that nearly every page has, and the
same letter by letter as somebody types them. Beside it, of the very same sections: SQLite's FTS5 with its trigram tokenizer,
which is what SQLite offers for languages without spaces.

Times of queries are the processor's, in one thread, the index in the page cache: what a quiet machine's clock would show. Ends with exit code 1 where the 95th percentile is over
the promised 50 ms.

Usage: search.py [--folder DIR] [--packages NAME...] [--pages N]
"""

from __future__ import annotations

import argparse
import random
import re
import sqlite3
import statistics
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Callable, Iterator, Sequence

from archiver.bundle.documents import decode_html, read_document
from archiver.core.editions import EditionReader, normal_locale
from archiver.offline.holdings import SearchIndex
from archiver.offline.search.directory import EVERYTHING, Filters
from archiver.offline.search.files import SearchFile, search_all
from archiver.offline.search.query import parse_query
from archiver.offline.search.reading import open_index
from archiver.offline.search.writer import IndexedDocument, write_index
from measuring import machine

PROMISED = 50  # ms
PACKAGES = (
    *("python3.11-doc", "linux-doc-6.1", "postgresql-doc-15", "python-django-doc", "python-sqlalchemy-doc"),
    *("python-scipy-doc", "installation-guide-amd64", "debian-handbook", "debian-reference-zh-cn"),
    *("debian-reference-ja", "debian-reference-en", "libreoffice-help-en-us", "libreoffice-help-zh-cn"),
    *("libreoffice-help-ja", "libreoffice-help-ko"),
)
EVERYWHERE = (
    "the",
    "install",
    "file",
    "kernel",
    "memory",
    "安装",
    "设置",
    "的",
    "ファイル",
    "設定",
    "파일",
    "설치",
    "data type",
)
_QUERIES = 300
_TYPED = 60
_SEED = 6
_TRIGRAMS = """
PRAGMA journal_mode = OFF;
CREATE TABLE sections(id INTEGER PRIMARY KEY, url TEXT, title TEXT, heading TEXT, text TEXT);
CREATE VIRTUAL TABLE found USING fts5(title, heading, text, content='sections', content_rowid='id', tokenize='trigram');
"""


@dataclass(frozen=True)
class Latency:
    """How long queries took: milliseconds."""

    count: int
    median: float
    high: float
    most: float

    @classmethod
    def of(cls, ask: Callable[[str], object], texts: Sequence[str]) -> Latency:
        """Ask one after the other."""
        taken: list[float] = []
        for text in texts:
            begun = time.thread_time()
            ask(text)
            taken.append(1000 * (time.thread_time() - begun))
        taken.sort()
        return cls(len(taken), statistics.median(taken), taken[int(0.95 * (len(taken) - 1))], taken[-1])

    def row(self) -> list[str]:
        """Return it as cells of a table."""
        return [str(self.count), *(f"{value:.1f}" for value in (self.median, self.high, self.most))]


def unpacked(package: str, folder: Path) -> Path:
    """Return the folder that a package is unpacked in, after having it downloaded where it is not there."""
    root = folder / package
    if not root.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["apt-get", "-qq", "download", package], cwd=folder, check=True, stderr=subprocess.DEVNULL
        )
        (archive,) = folder.glob(f"{package}_*.deb")
        subprocess.run(["dpkg", "-x", str(archive), str(root) + ".new"], check=True)
        archive.unlink()
        Path(str(root) + ".new").rename(root)
    return root


def pages(packages: Sequence[str], folder: Path) -> Iterator[tuple[str, Path, str]]:
    """Yield package, file and URL of every page."""
    for package in packages:
        root = unpacked(package, folder)
        files = (path for path in root.rglob("*.html*") if path.suffix != ".gz" and path.is_file())
        for path in sorted(files):
            yield package, path, f"https://{package}.example/{path.relative_to(root)}"


def documents(found: Sequence[tuple[str, Path, str]]) -> Iterator[IndexedDocument]:
    """Read pages as the pages of a snapshot are read."""
    editions = EditionReader()
    for package, path, url in found:
        read = read_document(decode_html(path.read_bytes(), "text/html"))
        shown = editions.read(url.partition("://")[2])
        locale = normal_locale(shown.locale.text) if shown.locale else read.language
        yield IndexedDocument(package, url, "20260101000000", read.title, locale, "", read.sections)


def questions(index: Path) -> list[str]:
    """Return one to three words of headings, picked by a seed, so that every language has its share."""
    with open_index(index) as opened:
        headings = [
            section.heading
            for document in opened.documents()
            for section in document.sections
            if section.heading
        ]
    pick = random.Random(_SEED)
    texts = []
    for heading in pick.sample(headings, min(_QUERIES, len(headings))):
        words = re.findall(r"\w{2,12}", heading) or [heading[:12]]
        at = pick.randrange(len(words))
        texts.append(" ".join(words[at : at + pick.randint(1, 3)]))
    return texts


def typed(texts: Sequence[str]) -> list[str]:
    """Return every beginning of texts, as a search page asks for them."""
    return [text[:end] for text in texts for end in range(1, len(text) + 1)]


def peer(index: Path, target: Path) -> float:
    """Write the same sections into a table with a trigram index; return how many seconds that took."""
    target.unlink(missing_ok=True)
    begun = time.perf_counter()
    with open_index(index) as opened, closing(sqlite3.connect(target, isolation_level=None)) as database:
        database.executescript(_TRIGRAMS)
        database.execute("BEGIN")
        rows = (
            (document.url, document.title, section.heading, section.text)
            for document in opened.documents()
            for section in document.sections
        )
        database.executemany("INSERT INTO sections(url, title, heading, text) VALUES (?, ?, ?, ?)", rows)
        database.execute("INSERT INTO found(found) VALUES ('rebuild')")
        database.execute("INSERT INTO found(found) VALUES ('optimize')")
        database.execute("COMMIT")
    return time.perf_counter() - begun


def trigrams(database: sqlite3.Connection, text: str) -> list[object]:
    """Ask the peer: all words, best first, with a snippet."""
    words = [word for word in text.split() if len(word) > 2]  # of less it knows nothing
    if not words:
        return []
    match = " AND ".join('"' + word.replace('"', '""') + '"' for word in words)
    return database.execute(
        "SELECT s.url, s.title, s.heading, snippet(found, 2, '[', ']', '…', 40) FROM found JOIN sections AS s ON s.id = found.rowid"
        " WHERE found MATCH ? ORDER BY bm25(found, 8, 4, 1) LIMIT 20",
        (match,),
    ).fetchall()


def main() -> int:
    """Measure, print tables, and say by the exit code whether the promise holds."""
    parser = argparse.ArgumentParser(description="measure the search index")
    parser.add_argument("--folder", type=Path, default=Path("build/bench-search"))
    parser.add_argument("--packages", nargs="+", default=PACKAGES)
    parser.add_argument("--pages", type=int, help="only so many")
    args = parser.parse_args()
    found = list(islice(pages(args.packages, args.folder / "packages"), args.pages))
    html = sum(path.stat().st_size for _, path, _ in found)
    index, other = args.folder / "search.sqlite", args.folder / "trigrams.sqlite"
    print(f"{len(found)} pages, {html / 1e6:.0f} MB of HTML. {machine()}\n")
    begun = time.perf_counter()
    write_index(index, documents(found))
    built = time.perf_counter() - begun
    beside = peer(index, other)
    print(
        table(
            ("", "MB", "KB a page", "of the HTML", "built in s", "pages/s"),
            [
                (
                    "search.sqlite",
                    *_size(index, html, len(found)),
                    f"{built:.0f}",
                    f"{len(found) / built:.0f}",
                ),
                ("FTS5 trigram, without reading HTML", *_size(other, html, len(found)), f"{beside:.0f}", ""),
            ],
        )
    )
    texts = questions(index)
    letters = typed(random.Random(_SEED).sample(texts, min(_TYPED, len(texts))) + list(EVERYWHERE[:4]))
    holding = SimpleNamespace(
        project="bench", search=SearchIndex("bench", None, index.stat().st_size, str(index))
    )
    file = SearchFile(holding, None)  # all that it asks a holding for

    def ask(text: str, filters: Filters = EVERYTHING, *, typing: bool = False) -> int:
        query = parse_query(text, as_you_type=typing)
        return len(search_all([file], query, limit=20, filters=filters).hits)

    korean = Filters(locale="ko")
    for text in texts:
        ask(text)  # brings what is needed into the page cache, and the directory into memory
    rows = {
        "words of headings": Latency.of(ask, texts),
        "words that are everywhere": Latency.of(ask, EVERYWHERE),
        "every letter as typed": Latency.of(lambda text: ask(text, typing=True), letters),
        "words of headings, in Korean pages only": Latency.of(lambda text: ask(text, korean), texts),
    }
    with closing(sqlite3.connect(other)) as database:
        rows["FTS5 trigram, words of headings"] = Latency.of(lambda text: trigrams(database, text), texts)
        rows["FTS5 trigram, words that are everywhere"] = Latency.of(
            lambda text: trigrams(database, text), EVERYWHERE
        )
    print(
        table(
            ("milliseconds", "queries", "p50", "p95", "most"),
            [(name, *row.row()) for name, row in rows.items()],
        )
    )
    without = sum(not ask(text) for text in texts)
    print(f"{without} of {len(texts)} queries made of headings find nothing.")
    print(f"Size to FTS5 trigram: {index.stat().st_size / other.stat().st_size:.2f}x")
    file.close()
    worst = max(row.high for name, row in rows.items() if not name.startswith("FTS5"))
    if worst > PROMISED:
        print(f"The 95th percentile is {worst:.0f} ms; {PROMISED} ms are promised.", file=sys.stderr)
        return 1
    return 0


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _size(path: Path, html: int, count: int) -> tuple[str, str, str]:
    size = path.stat().st_size
    return f"{size / 1e6:.1f}", f"{size / 1000 / max(count, 1):.1f}", f"{size / max(html, 1):.0%}"


if __name__ == "__main__":
    sys.exit(main())
