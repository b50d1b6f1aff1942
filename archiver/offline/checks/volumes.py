"""Whether every volume is what the list of volumes says, so that a damaged one is named and alone replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Mapping

from archiver.offline.checks.ranges import Range
from archiver.offline.volumelist import list_path, present_volumes
from archiver.offline.volumes import VolumesAccess

if TYPE_CHECKING:
    from archiver.offline.problems import Report
    from archiver.offline.volumes import Source, Volume


def volume_ranges(source: Source) -> dict[Range, Volume]:
    """Return the ranges whose checksums ``check_volumes`` needs; none where there is no list to compare them with."""
    if not isinstance(source, VolumesAccess):
        return {}
    return {Range(volume.offset, volume.size): volume for volume in source.volumes if volume.digest}


def check_volumes(source: Source, sums: Mapping[Range, str], report: Report, *, sound: bool) -> None:
    """Compare volumes with their list.

    Args:
        source: the bundle.
        sums: the checksums of ``volume_ranges``.
        report: is told of each problem; places are names of files.
        sound: whether all of the bundle was checked and nothing is wrong; then it is the list that errs.
    """
    if not isinstance(source, VolumesAccess):
        return
    for place, volume in volume_ranges(source).items():
        said, actual = volume.digest, f"sha256:{sums[place]}"
        if actual == str(said):
            continue
        listing = list_path(source.whole).name
        if sound:
            report("volume.list", listing, f"says {said} of {volume.path.name}, which is sound and {actual}")
        else:
            report(
                "volume.digest", volume.path.name, f"replace this file: it hashes to {actual}, not to {said}"
            )
    named = {volume.path for volume in source.volumes}
    for path in present_volumes(source.whole).values():
        if path not in named:
            report("volume.unexpected", path.name, "remove this file: it is not of this bundle")
