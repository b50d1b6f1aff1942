"""A plan without any network: what the spec, and the lists beside it, name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archiver.collect.images.selection import Selection, Unexpanded, selected_offline
from archiver.collect.plan.model import INDEX, UNKNOWN, Plan, PlannedFile, PlannedImage, PlannedSite
from archiver.spec.files import FileIndex, FileSource

if TYPE_CHECKING:
    from archiver.spec.load import LoadedSpec
    from archiver.spec.model import Spec


def plan_offline(loaded: LoadedSpec) -> Plan:
    """Return what a spec names. Nothing is asked, so that neither sizes nor digests are known.

    Args:
        loaded: the spec; the paths of lists are relative to its folder.
    """
    spec = loaded.spec
    images = spec.asked_images
    asked = selected_offline(images, loaded.folder) if images else Selection({})
    return Plan(
        project=spec.project,
        title=spec.title or spec.project,
        platforms=images.platforms if images else (),
        offline=True,
        sites=planned_sites(spec),
        images=tuple(PlannedImage(str(each), where, UNKNOWN) for each, where in asked.mentions.items()),
        files=tuple(PlannedFile(file.url, UNKNOWN) for file in spec.files if isinstance(file, FileSource)),
        unexpanded=(
            *asked.unexpanded,
            *(
                Unexpanded(INDEX, file.index, ", ".join(file.include))
                for file in spec.files
                if isinstance(file, FileIndex)
            ),
        ),
        failures=asked.failures,
    )


def planned_sites(spec: Spec) -> tuple[PlannedSite, ...]:
    """Return the doc sites of a spec."""
    return tuple(PlannedSite(site.name, site.seeds) for site in spec.docs)
