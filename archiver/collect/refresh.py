"""Refreshing projects again and again: which specs there are, and whether anything of a project is due."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Iterator, Mapping, Sequence

from archiver.collect.asking import due_at, due_sources, retired_sources, waits
from archiver.collect.preflight import check_environment, checked_spec
from archiver.collect.run import archive_project
from archiver.core.clock import utc_now
from archiver.core.errors import ArchiverError, InvalidDocument, NotArchived, SpecError, UsageError
from archiver.core.judgement import HEALTHY
from archiver.store.runs import unfinished_since
from archiver.store.snapshots import good_snapshot, read_snapshot

if TYPE_CHECKING:
    import threading
    from datetime import datetime
    from pathlib import Path

    from archiver.collect.asking import Asking
    from archiver.collect.run import RunResult
    from archiver.core.progress import Progress
    from archiver.core.snapshot import Snapshot
    from archiver.spec.load import LoadedSpec
    from archiver.store.paths import ArchivePaths, ProjectPaths

_SUFFIXES = frozenset({".yaml", ".yml"})


@dataclass(frozen=True)
class BadSpec:
    """A spec, or what was named as one, that cannot be worked with."""

    path: Path
    error: ArchiverError


@dataclass(frozen=True)
class Specs:
    """What was found where specs are: those that can be worked with, in the order in which they were named, and the others."""

    good: tuple[LoadedSpec, ...]
    bad: tuple[BadSpec, ...]


@dataclass(frozen=True)
class NotDue:
    """A project of which nothing is to be asked now.

    Attributes:
        project: its name.
        until: when something is; None where all its sources are retired.
        failures: how many things could not be had when they were last asked for.
    """

    project: str
    until: datetime | None
    failures: int


def read_specs(named: Sequence[Path], environment: Mapping[str, str] = os.environ) -> Specs:
    """Read and check specs, without any network.

    Args:
        named: specs, and folders; of a folder all ``.yaml`` and ``.yml`` files are specs that are not hidden.
        environment: the variables that the specs' credentials refer to.

    Returns:
        What was found. Where several specs have one project, all of them are bad: each would undo what the other asks for.
    """
    good: list[LoadedSpec] = []
    bad: list[BadSpec] = []
    seen: set[str] = set()
    for path in named:
        try:
            found = list(_files(path))
        except UsageError as error:
            bad.append(BadSpec(path, error))
            continue
        for each in found:
            file = os.path.realpath(each)  # noqa: PTH117, RUF100 - Path.resolve fails for a link to itself
            if file in seen:
                continue
            seen.add(file)
            try:
                loaded = checked_spec(each)
                check_environment(loaded, environment)
            except SpecError as error:
                bad.append(BadSpec(each, error))
            else:
                good.append(loaded)
    return _one_a_project(good, bad)


def refresh_project(
    loaded: LoadedSpec,
    archive: ArchivePaths,
    asking: Asking,
    *,
    stop: threading.Event,
    progress: Progress | None = None,
    environment: Mapping[str, str] = os.environ,
) -> RunResult | NotDue:
    """Archive what is due of a project, as ``archive_project`` does; nothing is written where nothing is due.

    An interrupted run is gone on with whatever is due, and what the spec asks for since the last snapshot is due at once.

    Args:
        loaded: the spec.
        archive: the archive folder, open for writing.
        asking: what is due.
        stop: set from outside to end the run early.
        progress: where to report to.
        environment: the variables that the spec's credentials refer to.

    Raises:
        ArchiverError, KeyboardInterrupt: as ``archive_project``.
    """
    paths = archive.project(loaded.spec.project)
    before = _last_good(paths)
    if before is not None and unfinished_since(paths) is None and not _is_due(loaded, before, asking):
        until = next_due(loaded, before)
        if until is not None or all(judgement.retired for judgement in before.judgements):
            return NotDue(paths.name, until, len(before.failures))
    return archive_project(
        loaded, archive, asking=asking, stop=stop, progress=progress, environment=environment
    )


def next_due(loaded: LoadedSpec, snapshot: Snapshot) -> datetime | None:
    """Return when the first source of a spec is due again after a snapshot; None where one is whenever it is refreshed, or none ever."""
    found = []
    for source, interval in waits(loaded.spec, snapshot).items():
        judgement = snapshot.judgement(source)
        moment = due_at(judgement, interval) if judgement is not None else None
        if judgement is None or moment is None or judgement.verdict != HEALTHY:
            return None
        found.append(moment)
    return min(found, default=None)


def _is_due(loaded: LoadedSpec, before: Snapshot, asking: Asking) -> bool:
    told_retired = {judgement.source for judgement in before.judgements if judgement.retired}
    due = due_sources(loaded.spec, loaded.record, before, asking, utc_now())
    return bool(due) or told_retired != retired_sources(loaded.spec, before)


def _last_good(paths: ProjectPaths) -> Snapshot | None:
    """Return the last good snapshot; None where a run has to see what there is to go on from."""
    try:
        return read_snapshot(paths, good_snapshot(paths))
    except (NotArchived, InvalidDocument):
        return None


def _files(path: Path) -> Iterator[Path]:
    try:
        if not path.exists():
            raise UsageError(
                "there is no such file or folder",
                place=str(path),
                hint="name specs, or folders of them; without any, it is the folder specs/ of the working directory",
            )
        if not path.is_dir():
            yield path
            return
        found = sorted(
            each for each in path.iterdir() if each.suffix in _SUFFIXES and not each.name.startswith(".")
        )
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", place=str(path)) from error
    if not found:
        raise UsageError(
            "there are no specs in this folder", place=str(path), hint="specs are files that end in .yaml"
        )
    yield from found


def _one_a_project(specs: Sequence[LoadedSpec], bad: Sequence[BadSpec]) -> Specs:
    by_project: dict[str, list[LoadedSpec]] = {}
    for loaded in specs:
        by_project.setdefault(loaded.spec.project, []).append(loaded)
    twins = [BadSpec(loaded.path, _same_project(loaded, same))
             for same in by_project.values() if len(same) > 1 for loaded in same]  # fmt: skip
    alone = (same[0] for same in by_project.values() if len(same) == 1)
    return Specs(tuple(alone), (*bad, *twins))


def _same_project(loaded: LoadedSpec, same: Sequence[LoadedSpec]) -> SpecError:
    others = ", ".join(str(each.path) for each in same if each is not loaded)
    return SpecError(
        f"the project {loaded.spec.project} is also that of {others}; neither is refreshed",
        place=loaded.place("project"),
        hint="one project has one spec: rename one of them, or move it out of the folder",
    )
