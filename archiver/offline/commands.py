"""The reader's verbs, defined once and mounted by both command lines: ``archiver`` and ``archiver.pyz``.

Commands parse, call one library function, print, and return an exit code. ``serve`` ended by Ctrl-C is
complete, exit 0: that is how serving ends; other commands interrupted are 130.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Iterator, Sequence

from archiver.core.errors import ArchiverError, BundleError, ContentError, SearchUnavailable, UsageError
from archiver.core.printable import printable
from archiver.offline.exitcodes import COMPLETE, INTERRUPTED, VERIFICATION_FAILED, exit_code
from archiver.offline.lineprogress import LineProgress
from archiver.store.atomic import storage_errors
from archiver.version import PROGRAM

if TYPE_CHECKING:
    from archiver.core.progress import Progress
    from archiver.offline.holdings import Holding
    from archiver.offline.search.index import Hit
    from archiver.offline.server import Served
    from archiver.offline.verify import VerifyReport

ProgressFactory = Callable[[], "Progress"]
Prepare = Callable[[Path, "Progress"], None]
_DESCRIPTION = """\
Read what is in a bundle, without a network: its documentation in a browser, its container images, its files.

  serve    open the documentation, search and a container registry on this machine
  verify   check that every byte of the bundle is as it was made
  search   look something up in the documentation from here
"""
_EPILOG = "Begin with:  python3 archiver.pyz serve BUNDLE.tar   and open the address that it prints."
_MOST_SHOWN_ORIGINS = 20
_MOST_PROBLEMS = 50
_MOST_HITS = 1000
_LONGEST_LINE = 2000  # characters; longer than any path with a sentence, shorter than what fills a screen


def run_reader(argv: Sequence[str]) -> int:
    """Run the reader's command line and return its exit code (docs/exit-codes.md)."""
    bear_any_script()
    parser = argparse.ArgumentParser(
        prog="archiver.pyz",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=PROGRAM)
    add_reader_commands(parser.add_subparsers(metavar="COMMAND", required=True))
    try:
        args = parser.parse_args(argv)
    except SystemExit as leaving:  # argparse's own way of ending after --help or a usage error
        return int(leaving.code or 0)
    return run_command(args)


def bear_any_script() -> None:
    """Let names in any script be printed on any terminal: what its encoding lacks becomes a question mark."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def run_command(args: argparse.Namespace) -> int:
    """Run the command that was parsed, tell of what ends it, and return its exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # cron and systemd end runs with it
    try:
        return int(args.run(args))
    except ArchiverError as error:
        return report(error)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # whoever read our output has seen enough
        sys.stderr.close()
        return COMPLETE


def report(error: ArchiverError) -> int:
    """Tell of an error with its hint on standard error, and return the exit code it stands for."""
    problems = (error, *error.more)
    for problem in problems[:_MOST_PROBLEMS]:
        print(f"archiver: {_shown(str(problem))}", file=sys.stderr)
        if problem.hint:
            print(f"  hint: {_shown(problem.hint)}", file=sys.stderr)
    if len(problems) > _MOST_PROBLEMS:
        print(f"archiver: … and {len(problems) - _MOST_PROBLEMS} more", file=sys.stderr)
    return exit_code(error)


def add_reader_commands(
    subparsers: Any, progress: ProgressFactory | None = None, prepare: Prepare | None = None
) -> None:
    """Define the reader's commands; each sets ``run``, which takes the parsed arguments.

    Args:
        subparsers: what ``ArgumentParser.add_subparsers`` gave.
        progress: makes what progress is told to; plain lines on standard error by default.
        prepare: gets an archive folder that is about to be read, and may add what is missing to it.
    """
    told = progress or (lambda: LineProgress(sys.stderr))
    _add_verify(subparsers, told)

    def ready(path: Path) -> Path:
        if prepare is not None and _existing(path).is_dir():
            prepare(path, told())
        return _existing(path)

    _add_serve(subparsers, told, ready)
    _add_search(subparsers, ready)


def default_cache_dir() -> Path | None:
    """Return where this user's caches belong: ``XDG_CACHE_HOME``, else what the system suggests.

    None for a user without a home, as containers run programs under numbers that no user has.
    """
    variable, *below = (
        ("LOCALAPPDATA", "AppData", "Local") if os.name == "nt" else ("XDG_CACHE_HOME", ".cache")
    )
    try:
        base = Path(os.environ.get(variable) or Path.home().joinpath(*below))
    except (RuntimeError, KeyError):  # the latter before Python 3.10
        return None
    return base / "archiver"


def _add_verify(subparsers: Any, progress: ProgressFactory) -> None:
    parser = subparsers.add_parser(
        "verify",
        help="check every byte of a bundle",
        description="Check every byte of a bundle and list all that is wrong. "
        "Exit code 0 means that it is whole, 5 that it is not.",
    )
    parser.add_argument("bundle", metavar="BUNDLE", type=Path, help="the bundle")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.set_defaults(run=lambda args: _verify(args, progress()))


def _verify(args: argparse.Namespace, progress: Progress) -> int:
    from archiver.offline.verify import verify_bundle  # noqa: PLC0415 - keeps the other commands quick

    if _existing(args.bundle).is_dir():
        raise UsageError("verify takes a bundle, not a folder", place=str(args.bundle))
    report = verify_bundle(args.bundle, progress)
    if args.json:
        problems = [
            {"code": problem.code, "where": problem.where, "detail": problem.detail}
            for problem in report.problems
        ]
        _print_json({"bundle": str(args.bundle), "ok": report.ok, "problems": problems})
    else:
        _print_report(args.bundle, report)
    return COMPLETE if report.ok else VERIFICATION_FAILED


def _print_report(bundle: Path, report: VerifyReport) -> None:
    for problem in report.problems:
        print(_shown(f"{bundle}: {problem}"))
    if report.ok:
        print(f"{bundle}: whole; every byte is as it was made")
    else:
        count = len(report.problems)
        print(f"{bundle}: {count} problem{'' if count == 1 else 's'} found")


def _add_serve(subparsers: Any, progress: ProgressFactory, ready: Callable[[Path], Path]) -> None:
    parser = subparsers.add_parser(
        "serve",
        help="serve a bundle or an archive: docs, search, images, files",
        description="Serve what is in a bundle or an archive folder: the documentation for a browser, search, "
        "a container registry to pull from, and files. Nothing is unpacked. Ctrl-C ends it.",
    )
    parser.add_argument("path", metavar="BUNDLE|ARCHIVES", type=Path, help="a bundle, or an archive folder")
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="address to listen at; 0.0.0.0 lets other machines in (default: %(default)s, this machine only)",
    )
    parser.add_argument(
        "--port",
        type=_port,
        default=8080,
        metavar="PORT",
        help="the main port, 0 for any free one; each documentation site gets one of the next free ports "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--domain",
        default="",
        metavar="DOMAIN",
        help="serve all sites on the main port, at host names below this domain (needs wildcard DNS)",
    )
    parser.add_argument(
        "--cache-dir",
        type=Path,
        metavar="DIR",
        help="where the search index of a bundle is copied to (default: the user's cache folder)",
    )
    parser.add_argument("--verify", action="store_true", help="check every byte of the bundle first")
    parser.set_defaults(run=lambda args: _serve(args, progress(), ready(args.path)))


def _serve(args: argparse.Namespace, progress: Progress, path: Path) -> int:
    from archiver.offline.server import serve  # noqa: PLC0415 - keeps the other commands quick

    if args.verify:
        code = _verified_first(path, progress)
        if code != COMPLETE:
            return code
    with _opened(path) as holdings:
        try:
            serve(
                holdings,
                host=args.host,
                port=args.port,
                domain=args.domain,
                cache_dir=args.cache_dir or default_cache_dir(),
                ready=lambda served: _print_served(served, holdings, args),
                log=lambda line: progress.warn(_shown(line)),
            )
        except KeyboardInterrupt:
            print("\nstopped")
    return COMPLETE


def _verified_first(path: Path, progress: Progress) -> int:
    from archiver.offline.verify import verify_bundle  # noqa: PLC0415 - keeps the other commands quick

    if path.is_dir():
        raise UsageError("--verify is for bundles", place=str(path))
    report = verify_bundle(path, progress)
    for problem in report.problems:
        print(_shown(f"{path}: {problem}"), file=sys.stderr)
    return COMPLETE if report.ok else VERIFICATION_FAILED


def _print_served(served: Served, holdings: Sequence[Holding], args: argparse.Namespace) -> None:
    from archiver.offline.landing import image_name, site_url  # noqa: PLC0415 - comes with the server

    for holding in holdings:
        print(_shown(f"{holding.title or holding.project}, snapshot {holding.snapshot}"))
    print(f"\n  Open     {served.url}\n")
    for holding in holdings:
        for site in holding.sites:
            url = site_url(site, served.view) or "-"
            print(f"  docs     {_shown(url)}   {_shown(site.name)}: {site.pages:,} pages")
    for address in served.origins[:_MOST_SHOWN_ORIGINS]:
        print(f"  origin   {address.url}   {_shown(address.origin)}")
    if len(served.origins) > _MOST_SHOWN_ORIGINS:
        print(f"  and {len(served.origins) - _MOST_SHOWN_ORIGINS} more origins")
    images = [image for holding in holdings for image in holding.images.images if not image.refers_to]
    if images:
        more = f"   and {len(images) - 1} more" if len(images) > 1 else ""
        print(f"  images   docker pull {_shown(image_name(images[0], served.view))}{more}")
    files = sum(len(holding.files.files) for holding in holdings)
    if files:
        print(f"  files    {served.url}#files   {files}")
    if args.host.startswith("127.") or args.host in ("localhost", "::1"):
        print("\nOnly this machine can connect; --host 0.0.0.0 lets others in. Ctrl-C ends it.", flush=True)
    else:
        print(f"\nEvery machine that reaches {args.host} can connect. Ctrl-C ends it.", flush=True)


def _add_search(subparsers: Any, ready: Callable[[Path], Path]) -> None:
    parser = subparsers.add_parser(
        "search",
        help="search the docs of a bundle or an archive",
        description="Search the documentation in a bundle or an archive folder. All words have to occur in one section; "
        'quote a "whole phrase". Exit code 0 whether or not anything is found.',
    )
    parser.add_argument("path", metavar="BUNDLE|ARCHIVES", type=Path, help="a bundle, or an archive folder")
    parser.add_argument("query", metavar="QUERY", nargs="+", help="what to look for")
    parser.add_argument(
        "--limit", type=_positive, default=10, metavar="N", help="the most hits (default: %(default)s)"
    )
    parser.add_argument("--source", metavar="NAME", help="only this documentation site")
    parser.add_argument(
        "--cache-dir", type=Path, metavar="DIR", help="where the index of a bundle is copied to"
    )
    parser.add_argument("--json", action="store_true", help="print the hits as JSON")
    parser.set_defaults(run=lambda args: _search(args, ready(args.path)))


def _search(args: argparse.Namespace, path: Path) -> int:
    from archiver.offline.search.files import SearchFile, search_all  # noqa: PLC0415 - keeps the others quick
    from archiver.offline.search.query import parse_query  # noqa: PLC0415 - see above

    text = " ".join(args.query)
    with _opened(path) as holdings:
        files = [SearchFile(holding, args.cache_dir or default_cache_dir()) for holding in holdings]
        present = [file for file in files if file.present] or files
        try:
            found = search_all(present, parse_query(text), limit=args.limit, source=args.source)
        except SearchUnavailable as error:
            if isinstance(error.__cause__, ContentError):
                raise error.__cause__ from error
            raise
        finally:
            for file in files:
                file.close()
    if args.json:
        _print_json({"query": text, "total": found.total, "hits": [_hit(hit) for hit in found.hits]})
        return COMPLETE
    for hit in found.hits:
        print(_shown(hit.title + (f" - {hit.heading}" if hit.heading and hit.heading != hit.title else "")))
        print(f"  {_shown(hit.target)}\n  {_shown(hit.snippet.text)}\n")
    print(f"{found.total} result{'' if found.total == 1 else 's'}")
    return COMPLETE


def _hit(hit: Hit) -> dict[str, Any]:
    return {
        "project": hit.project,
        "source": hit.source,
        "title": hit.title,
        "heading": hit.heading,
        "url": hit.target,
        "timestamp": hit.timestamp,
        "snippet": hit.snippet.text,
        "marks": [list(span) for span in hit.snippet.marks],
        "score": hit.score,
    }


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Holding, ...]]:
    from archiver.offline.opening import open_holdings  # noqa: PLC0415 - keeps --help quick

    try:
        holdings = open_holdings(path)
    except BundleError as error:
        if str(path) not in str(error):  # it names the member; say of which file
            error.place = f"{path}: {error.place}" if error.place else str(path)
        raise
    try:
        yield holdings
    finally:
        for holding in holdings:
            holding.close()


def _existing(path: Path) -> Path:
    with storage_errors(path):
        exists = path.exists()
    if not exists:
        raise UsageError("there is no such file or folder", place=str(path))
    return path


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port")
    return int(text)


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= _MOST_HITS):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {_MOST_HITS}")
    return int(text)


def _shown(text: str) -> str:
    """Return what strangers wrote as one line that any terminal takes for text; spaces of any kind are spaces."""
    return printable(" ".join(text.split()), _LONGEST_LINE)


def _print_json(document: Any) -> None:
    text = json.dumps(document, ensure_ascii=False, indent=1)
    print("".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text))
