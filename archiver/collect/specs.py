"""Finding specs where the keeper says that they are: files, and folders of them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable, Iterator, Sequence

from archiver.collect.preflight import checked_spec
from archiver.core.errors import ArchiverError, SpecError, UsageError
from archiver.spec.load import LoadedSpec

if TYPE_CHECKING:
    from pathlib import Path

_SUFFIXES = frozenset({".yaml", ".yml"})


@dataclass(frozen=True)
class BadSpec:
    """A spec, or what was named as one, that cannot be worked with."""

    path: Path
    error: ArchiverError


@dataclass(frozen=True)
class Specs:
    """What was found where specs are, in the order in which it was named."""

    found: tuple[LoadedSpec | BadSpec, ...] = ()

    @property
    def good(self) -> tuple[LoadedSpec, ...]:
        """Those that can be worked with."""
        return tuple(each for each in self.found if isinstance(each, LoadedSpec))

    @property
    def bad(self) -> tuple[BadSpec, ...]:
        """The others."""
        return tuple(each for each in self.found if isinstance(each, BadSpec))


def read_specs(named: Sequence[Path], check: Callable[[LoadedSpec], None]) -> Specs:
    """Read and check specs, without any network.

    Args:
        named: specs, and folders; of a folder all ``.yaml`` and ``.yml`` files are specs that are not hidden.
        check: looks at what the specs alone do not say, such as the environment; raises SpecError.

    Returns:
        What was found. Where several specs have one project, all of them are bad: each would undo what the other asks for.
    """
    found: list[LoadedSpec | BadSpec] = []
    seen: set[str] = set()
    for path in named:
        try:
            files = list(_files(path))
        except UsageError as error:
            found.append(BadSpec(path, error))
            continue
        for each in files:
            file = os.path.realpath(each)  # noqa: PTH117, RUF100 - Path.resolve fails for a link to itself
            if file not in seen:
                seen.add(file)
                found.append(_read(each, check))
    return Specs(tuple(_one_a_project(found)))


def _read(path: Path, check: Callable[[LoadedSpec], None]) -> LoadedSpec | BadSpec:
    try:
        loaded = checked_spec(path)
        check(loaded)
    except SpecError as error:
        return BadSpec(path, error)
    return loaded


def _files(path: Path) -> Iterator[Path]:
    try:
        if not path.exists():
            raise UsageError(
                "there is no such file or folder", place=str(path), hint="name specs, or folders of them"
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


def _one_a_project(found: Sequence[LoadedSpec | BadSpec]) -> Iterator[LoadedSpec | BadSpec]:
    by_project: dict[str, list[LoadedSpec]] = {}
    for each in found:
        if isinstance(each, LoadedSpec):
            by_project.setdefault(each.spec.project, []).append(each)
    for each in found:
        if isinstance(each, LoadedSpec) and len(same := by_project[each.spec.project]) > 1:
            yield BadSpec(each.path, _same_project(each, same))
        else:
            yield each


def _same_project(loaded: LoadedSpec, same: Sequence[LoadedSpec]) -> SpecError:
    others = ", ".join(str(each.path) for each in same if each is not loaded)
    return SpecError(
        f"the project {loaded.spec.project} is also that of {others}; neither can be refreshed",
        place=loaded.place("project"),
        hint="one project has one spec: rename one of them, or move it out of the folder",
    )
