"""``archiver prune``: free what no snapshot needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Iterable, Iterator, Sequence

from archiver.cli.options import add_archives, add_json
from archiver.cli.reports import print_json
from archiver.core.amounts import count_text, size_text
from archiver.core.printable import printable
from archiver.offline.exitcodes import COMPLETE
from archiver.store.paths import open_archive
from archiver.store.prune import Garbage, Stale, find_garbage, prune

if TYPE_CHECKING:
    import argparse

_MOST_LISTED = 20


def configure(parser: argparse.ArgumentParser) -> None:
    """Define the command."""
    parser.description = (
        "Say what no snapshot needs: blobs of images and files that nothing reaches, what came of unfinished "
        "downloads, search indexes of snapshots that are no more. With --apply, remove it."
    )
    parser.add_argument("--apply", action="store_true", help="remove it; without, nothing is changed")
    add_archives(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Find what is not needed, remove it where that is asked for, and say what it was."""
    archive = open_archive(args.archives)
    garbage = prune(archive) if args.apply else find_garbage(archive)
    if args.json:
        print_json(_json(garbage, applied=args.apply))
    else:
        print("\n".join(_lines(garbage, applied=args.apply)))
    return COMPLETE


def _lines(garbage: Garbage, *, applied: bool) -> Iterator[str]:
    kinds = (
        ("blob", garbage.blobs),
        ("partial download", garbage.partials),
        ("temporary file", garbage.temporaries),
        ("search index file", garbage.search),
    )
    parts = [f"{count_text(len(files), noun)} ({size_text(_size(files))})" for noun, files in kinds if files]
    verb = "freed" if applied else "would free"
    yield f"{verb} {size_text(_size(garbage.files))}" + (f": {', '.join(parts)}" if parts else "")
    yield from _listed("go, since no snapshot has them", garbage.lost)
    yield from _listed("go back to what a snapshot has for them", garbage.restored)
    kept, snapshots = count_text(len(garbage.kept), "blob"), count_text(garbage.snapshots, "snapshot")
    yield f"  {kept} ({size_text(sum(garbage.kept))}) {'stay' if applied else 'would stay'}, for {snapshots}"
    for name in garbage.unfinished:
        yield f"  {name} has an unfinished run; what was written since it began stays"
    if not applied and (parts or garbage.lost or garbage.restored):
        yield "  nothing is changed yet: archiver prune --apply"


def _listed(what: str, names: Sequence[str]) -> Iterator[str]:
    if names:
        yield f"  {count_text(len(names), 'name')} of images {what}:"
        yield from (f"    {printable(name)}" for name in names[:_MOST_LISTED])
    if len(names) > _MOST_LISTED:
        yield f"    … and {len(names) - _MOST_LISTED:,} more; --json lists all"


def _json(garbage: Garbage, *, applied: bool) -> dict[str, Any]:
    return {
        "applied": applied,
        "bytes": _size(garbage.files),
        "blobs": _account(garbage.blobs),
        "partials": _account(garbage.partials),
        "temporaries": _account(garbage.temporaries),
        "search": _account(garbage.search),
        "names": {"lost": garbage.lost, "restored": garbage.restored},
        "kept": {
            "snapshots": garbage.snapshots,
            "blobs": len(garbage.kept),
            "bytes": sum(garbage.kept),
            "unfinished": garbage.unfinished,
        },
    }


def _account(files: Sequence[Stale]) -> dict[str, int]:
    return {"count": len(files), "bytes": _size(files)}


def _size(files: Iterable[Stale]) -> int:
    return sum(stale.size for stale in files)
