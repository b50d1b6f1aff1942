"""``search``: look something up in the docs from the command line."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archiver.core.errors import ContentError, SearchUnavailable
from archiver.offline.exitcodes import COMPLETE
from archiver.offline.verbs.inputs import default_cache_dir, opened
from archiver.offline.verbs.output import print_json, shown

if TYPE_CHECKING:
    from archiver.offline.search.directory import Facets, Filters
    from archiver.offline.search.index import Hit
    from archiver.offline.verbs.inputs import Ready

_MOST_HITS = 1000
_DESCRIPTION = """\
Search the documentation in a bundle. All words have to occur in one section;
quote a "whole phrase".
"""
_EPILOG = """\
examples:
  %(prog)s project.tar upgrade etcd
  %(prog)s project.tar '"certificate has expired"' --limit 3

Exit code 0 whether or not anything is found.
"""


def add(subparsers: Any, ready: Ready) -> None:
    """Define the command."""
    parser = subparsers.add_parser(
        "search",
        help="search the documentation in the terminal",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("path", metavar="BUNDLE|ARCHIVES", type=Path, help="a bundle, or an archive folder")
    parser.add_argument("query", metavar="QUERY", nargs="+", help="what to look for")
    parser.add_argument(
        "--limit", type=_positive, default=10, metavar="N", help="the most hits (default: %(default)s)"
    )
    parser.add_argument("--source", default="", metavar="NAME", help="only this documentation site")
    parser.add_argument(
        "--version", default="", metavar="VERSION", help="only this version of it, such as v3.4"
    )
    parser.add_argument("--locale", default="", metavar="TAG", help="only this language, such as zh or zh-CN")
    parser.add_argument(
        "--cache-dir", type=Path, metavar="DIR", help="where the index of a bundle is copied to"
    )
    parser.add_argument("--json", action="store_true", help="print the hits as JSON")
    parser.set_defaults(run=lambda args: _run(args, ready(args.path)))


def _run(args: argparse.Namespace, path: Path) -> int:
    from archiver.offline.search.directory import Filters  # noqa: PLC0415 - keeps the others quick
    from archiver.offline.search.files import SearchFile, facets_of, search_all  # noqa: PLC0415 - see above
    from archiver.offline.search.query import parse_query  # noqa: PLC0415 - see above

    text = " ".join(args.query)
    filters = Filters(args.source, args.version, args.locale)
    with opened(path) as holdings:
        files = [SearchFile(holding, args.cache_dir or default_cache_dir()) for holding in holdings]
        present = [file for file in files if file.present] or files
        try:
            found = search_all(present, parse_query(text), limit=args.limit, filters=filters)
            unmet = _unmet(filters, facets_of(present)) if not found.hits else ()
        except SearchUnavailable as error:
            if isinstance(error.__cause__, ContentError):
                raise error.__cause__ from error
            raise
        finally:
            for file in files:
                file.close()
    for line in unmet:
        print(shown(line), file=sys.stderr)
    if args.json:
        print_json(
            {
                "query": text,
                "total": found.total,
                "more": found.more,
                "loose": found.loose,
                "hits": [_hit(hit) for hit in found.hits],
            }
        )
        return COMPLETE
    for hit in found.hits:
        print(shown(hit.title + (f" - {hit.heading}" if hit.heading and hit.heading != hit.title else "")))
        print(f"  {shown(hit.target)}\n  {shown(hit.snippet.text)}")
        if hit.others:
            print(f"  also: {shown(' | '.join(other.heading for other in hit.others))}")
        print()
    if found.loose:
        print("No section has all of these words; the pages above have some of them.")
    print(f"{'more than ' if found.more else ''}{found.total} page{'' if found.total == 1 else 's'}")
    return COMPLETE


def _unmet(filters: Filters, facets: Facets) -> tuple[str, ...]:
    """Return a line for each filter: what could have been asked for."""
    choices = (
        ("--source", filters.source, facets.sources),
        ("--version", filters.version, facets.versions),
        ("--locale", filters.locale, facets.locales),
    )
    return tuple(
        f"{option} can be: {', '.join(facet.name for facet in there_is) or 'nothing, no page shows any'}"
        for option, wanted, there_is in choices
        if wanted
    )


def _hit(hit: Hit) -> dict[str, Any]:
    return {
        "project": hit.project,
        "source": hit.source,
        "title": hit.title,
        "heading": hit.heading,
        "url": hit.target,
        "timestamp": hit.timestamp,
        "version": hit.version,
        "locale": hit.locale,
        "others": [{"heading": other.heading, "url": hit.place(other.anchor)} for other in hit.others],
        "snippet": hit.snippet.text,
        "marks": [list(span) for span in hit.snippet.marks],
        "score": hit.score,
    }


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= _MOST_HITS):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {_MOST_HITS}")
    return int(text)
