"""Whether every volume is what the list of volumes says, so that a damaged one is named and alone replaced."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Mapping, Sequence

from archiver.offline.checks.ranges import Range
from archiver.offline.volumelist import list_path, present_volumes
from archiver.offline.volumes import VolumesAccess

if TYPE_CHECKING:
    from archiver.offline.problems import Problem, Report
    from archiver.offline.volumes import Source, Volume


def volume_ranges(source: Source) -> dict[Range, Volume]:
    """Return the ranges whose checksums ``check_volumes`` needs; none where there is no list to compare them with."""
    if not isinstance(source, VolumesAccess):
        return {}
    return {Range(volume.offset, volume.size): volume for volume in source.volumes if volume.digest}


def check_volumes(
    source: Source, sums: Mapping[Range, str], found: Sequence[Problem], report: Report, *, unchecked: bool
) -> None:
    """Compare volumes with their list.

    Args:
        source: the bundle.
        sums: the checksums of ``volume_ranges``.
        found: all that is wrong with the bundle as a whole; where nothing is, it is the list that errs.
        report: is told of each problem; places are names of files.
        unchecked: whether something could not be checked, so that ``found`` may lack it.
    """
    if not isinstance(source, VolumesAccess):
        return
    damaged = [
        volume
        for place, volume in volume_ranges(source).items()
        if f"sha256:{sums[place]}" != str(volume.digest)
    ]
    for volume in damaged:
        if found or unchecked:
            detail = f"replace this file: it does not hash to {volume.digest}"
            report("volume.digest", volume.path.name, detail)
        else:
            detail = f"says {volume.digest} of {volume.path.name}, which is sound and another"
            report("volume.list", list_path(source.whole).name, detail)
    if not damaged and found and found[0].code == "tar.truncated":
        error = source.ends_early()
        report("volume.unfit", PurePath(str(error.place)).name, error.message)
    named = {volume.path for volume in source.volumes}
    for path in present_volumes(source.whole).values():
        if path not in named:
            report("volume.unexpected", path.name, "remove this file: it is not of this bundle")
