"""``archiver prune``: free what no snapshot needs."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Iterable, Iterator, Sequence

from archiver.cli.options import add_archives, add_json
from archiver.cli.reports import print_json
from archiver.core.amounts import count_text, size_text
from archiver.core.printable import printable
from archiver.offline.exitcodes import COMPLETE
from archiver.store.paths import open_archive
from archiver.store.prune import Garbage, find_garbage, prune

if TYPE_CHECKING:
    import argparse

    from archiver.store.files import Stale
    from archiver.store.projectgarbage import ProjectGarbage
    from archiver.store.warcrewrite import Shrinkable

_MOST_LISTED = 20
_MOST_NAMED = 4


def configure(parser: argparse.ArgumentParser) -> None:
    """Define the command."""
    parser.description = (
        "Say which snapshots go by the 'keep' of their project's spec, why the others stay, and what no snapshot needs "
        "then: records in WARC files, blobs of images and files, evidence of refused runs, what came of unfinished "
        "downloads. With --apply, remove it."
    )
    parser.add_argument("--apply", action="store_true", help="remove it; without, nothing is changed")
    add_archives(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Find what is not needed, remove it where that is asked for, and say what it was."""
    archive = open_archive(args.archives)
    if args.apply:
        pruned = prune(archive)
        garbage, freed = pruned.garbage, pruned.freed
    else:
        garbage = find_garbage(archive)
        freed = garbage.size
    if args.json:
        print_json(_json(garbage, freed, applied=args.apply))
    else:
        print("\n".join(_lines(garbage, freed, applied=args.apply)))
    return COMPLETE


def _lines(garbage: Garbage, freed: int, *, applied: bool) -> Iterator[str]:
    parts = [
        f"{count_text(count, noun)} ({size_text(size)})" for noun, count, size in _kinds(garbage) if count
    ]
    yield f"{'freed' if applied else 'would free'} {size_text(freed)}" + (
        f": {', '.join(parts)}" if parts else ""
    )
    for project in garbage.projects:
        yield from _project_lines(project, applied=applied)
    yield from _listed("go, since no snapshot has them", garbage.lost)
    yield from _listed("go back to what a snapshot has for them", garbage.restored)
    kept, snapshots = count_text(len(garbage.kept), "blob"), count_text(garbage.snapshots, "snapshot")
    yield f"  {kept} ({size_text(sum(garbage.kept))}) {'stay' if applied else 'would stay'}, for {snapshots}"
    for name in garbage.unfinished:
        yield f"  {name} has an unfinished run; what was written since it began stays"
    if not applied and (parts or garbage.lost or garbage.restored):
        yield "  nothing is changed yet: archiver prune --apply"


def _kinds(garbage: Garbage) -> Iterator[tuple[str, int, int]]:
    """Yield what goes by kind: its name, how many there are, and how many bytes that is."""
    projects = garbage.projects
    warcs = [file for project in projects for file in project.warcs]
    yield "WARC file", len(warcs), sum(file.dead for file in warcs)
    kinds: tuple[tuple[str, Iterable[Stale]], ...] = (
        ("blob", garbage.blobs),
        ("snapshot file", [stale for project in projects for stale in project.snapshots]),
        ("quarantine file", [stale for project in projects for stale in project.quarantine]),
        ("partial download", garbage.partials),
        (
            "temporary file",
            [*garbage.temporaries, *(stale for each in projects for stale in each.temporaries)],
        ),
        ("search index file", [stale for project in projects for stale in project.search]),
    )
    for noun, files in kinds:
        sizes = [stale.size for stale in files]
        yield noun, len(sizes), sum(sizes)


def _project_lines(project: ProjectGarbage, *, applied: bool) -> Iterator[str]:
    """Say of a project that has a policy, or of which something goes, which snapshots go and why the others stay."""
    if project.policy is None and not (project.dropped or project.warcs):
        return
    rules = {rule: count for rule, count in asdict(project.policy).items() if count} if project.policy else {}
    said = ", ".join(f"{rule}: {count}" for rule, count in rules.items())
    yield f"{project.name}, {f'keep: {{{said}}}' if said else 'every snapshot is kept'}"
    if project.dropped:
        verb = "go" if applied else "would go"
        yield f"  {count_text(len(project.dropped), 'snapshot')} {verb}: {_range(project.dropped)}"
    if project.policy is not None:
        yield f"  {count_text(len(project.kept), 'snapshot')} {'stay' if applied else 'would stay'}:"
        yield from _some([f"{each.snapshot}  {', '.join(each.reasons)}" for each in reversed(project.kept)])
    if project.warcs:
        whole = sum(file.dead == file.size for file in project.warcs)
        actions = Counter({"removed": whole, "rewritten": len(project.warcs) - whole})
        told = ", ".join(
            f"{count_text(count, 'WARC file')} {word}" for word, count in actions.items() if count
        )
        yield f"  {told}: {size_text(sum(file.dead for file in project.warcs))}"


def _range(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= _MOST_NAMED else f"{names[0]} … {names[-1]}"


def _listed(what: str, names: Sequence[str]) -> Iterator[str]:
    if names:
        yield f"  {count_text(len(names), 'name')} of images {what}:"
        yield from _some(names)


def _some(lines: Sequence[str]) -> Iterator[str]:
    yield from (f"    {printable(line)}" for line in lines[:_MOST_LISTED])
    if len(lines) > _MOST_LISTED:
        yield f"    … and {len(lines) - _MOST_LISTED:,} more; --json lists all"


def _json(garbage: Garbage, freed: int, *, applied: bool) -> dict[str, Any]:
    return {
        "applied": applied,
        "bytes": freed,
        "blobs": _account(garbage.blobs),
        "partials": _account(garbage.partials),
        "temporaries": _account(garbage.temporaries),
        "projects": {project.name: _project_json(project) for project in garbage.projects},
        "names": {"lost": garbage.lost, "restored": garbage.restored},
        "kept": {
            "snapshots": garbage.snapshots,
            "blobs": len(garbage.kept),
            "bytes": sum(garbage.kept),
            "unfinished": garbage.unfinished,
        },
    }


def _project_json(project: ProjectGarbage) -> dict[str, Any]:
    return {
        "policy": asdict(project.policy) if project.policy else None,
        "dropped": project.dropped,
        "kept": {each.snapshot: each.reasons for each in project.kept},
        "bytes": project.size,
        "warcs": [_warc_json(file) for file in project.warcs],
        "snapshots": _account(project.snapshots),
        "quarantine": _account(project.quarantine),
        "search": _account(project.search),
        "temporaries": _account(project.temporaries),
    }


def _warc_json(file: Shrinkable) -> dict[str, Any]:
    return {"name": file.path.name, "size": file.size, "bytes": file.dead}


def _account(files: Sequence[Stale]) -> dict[str, int]:
    return {"count": len(files), "bytes": sum(stale.size for stale in files)}
