"""A plan in words: tables that fit a terminal, and are a line an image where there is none."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Iterable, Iterator, Sequence

from archiver.cli.summary import failure_line
from archiver.cli.table import Column, table_lines
from archiver.collect.plan.model import FAILED, GONE
from archiver.core.amounts import count_text, size_text
from archiver.core.digest import Digest
from archiver.core.printable import printable

if TYPE_CHECKING:
    from archiver.collect.plan.model import Amount, Plan, PlannedImage
    from archiver.core.snapshot import Failure

_INDENT = "  "
_SHORT_DIGEST = 12  # hex digits, as docker shows them
_MOST_PLATFORMS = 30  # characters
_LONGEST = 2000  # characters of a URL
_AMOUNT_COLUMNS = (
    Column("SIZE", right=True, keep=3),
    Column("HERE", right=True, keep=2),
    Column("TO FETCH", right=True),
)
_IMAGE_COLUMNS = (
    Column("STATE"),
    *_AMOUNT_COLUMNS,
    Column("DIGEST", keep=1),
    Column("PLATFORMS", keep=4),
    Column("FROM", keep=5),
    Column("IMAGE"),
)
_FILE_COLUMNS = (Column("STATE"), *_AMOUNT_COLUMNS, Column("FILE"))
_UNEXPANDED = {
    "tags": "tags of {subject}",
    "list": "the image list {subject}",
    "index": "files that {subject} lists",
}


def plan_text(plan: Plan, width: int | None = None) -> str:
    """Return a plan for people.

    Args:
        plan: the plan.
        width: how many characters a line may have, as far as names allow; None for no limit.
    """
    lines = [f"{plan.project}: {plan.title}" if plan.title != plan.project else plan.project]
    for block in (_images, _files, _sites, _unexpanded, _registries, _total, _failures):
        found = list(block(plan, width))
        lines += ["", *found] if found else []
    return "\n".join(lines)


def _images(plan: Plan, width: int | None) -> Iterator[str]:
    if not plan.images:
        return
    asked = sum(not image.refers_to for image in plan.images)
    platforms = ", ".join(plan.platforms) or "all platforms"
    yield f"{count_text(asked, 'image')} for {platforms}"
    if plan.offline:
        for row in _image_rows(plan):
            yield row[0] if len(row) == 1 else f"{_INDENT}{row[-1]}"
    else:
        yield from table_lines(_IMAGE_COLUMNS, _image_rows(plan), width=width, indent=_INDENT)


def _image_rows(plan: Plan) -> Iterator[Sequence[str]]:
    """Yield the images in the spec's order; where lists or sections ask for them, below headings that say which."""
    grouped = len({_asked_by(image) for image in plan.images}) > 1
    several = len({image.location for image in plan.images if image.location}) > 1
    for place, group in groupby(plan.images, key=_asked_by):
        images = list(group)
        if grouped:
            asked = sum(not image.refers_to for image in images)
            yield (f"{place}: {count_text(asked, 'image')}",)
        for image in images:
            yield _image_row(image, plan.platforms, several_places=several)


def _asked_by(image: PlannedImage) -> str:
    where = image.asked
    if not where.list:
        return "the spec itself"
    return printable(f"{where.list}, section {where.section}" if where.section else where.list)


def _image_row(image: PlannedImage, wanted: Sequence[str], *, several_places: bool) -> Sequence[str]:
    usual = image.platforms == wanted or image.state in (FAILED, GONE)
    own = image.reference.partition("/")[0]
    elsewhere = several_places and image.location != own
    return (
        image.state,
        *_amount_cells(image.amount),
        _short(image.digest),
        "" if usual else platforms_text(image.platforms) or "none",
        printable(image.location) if elsewhere else "",
        printable(f"+ {image.reference}" if image.refers_to else image.reference),
    )


def _short(digest: str) -> str:
    return Digest.parse(digest).hex[:_SHORT_DIGEST] if digest else ""


def platforms_text(platforms: Iterable[str]) -> str:
    """Return platforms in few characters: ``linux/amd64 arm64 arm/v7``, or how many there are where that is long."""
    named = [platform for platform in platforms if platform]
    parts = []
    for system, group in groupby(sorted(named), key=lambda platform: platform.partition("/")[0]):
        parts.append(f"{system}/" + " ".join(platform.partition("/")[2] for platform in group))
    text = " ".join(parts)
    return text if len(text) <= _MOST_PLATFORMS else count_text(len(named), "platform")


def _amount_cells(amount: Amount | None) -> tuple[str, str, str]:
    if amount is None:
        return ("", "", "")
    here = size_text(amount.here) if amount.here else ""
    return (size_text(amount.size), here, size_text(amount.fetch) if amount.fetch else "-")


def _files(plan: Plan, width: int | None) -> Iterator[str]:
    if not plan.files:
        return
    yield count_text(len(plan.files), "file")
    if plan.offline:
        yield from (_INDENT + printable(file.url, _LONGEST) for file in plan.files)
    else:
        rows = (
            (file.state, *_amount_cells(file.amount), printable(file.url, _LONGEST)) for file in plan.files
        )
        yield from table_lines(_FILE_COLUMNS, rows, width=width, indent=_INDENT)


def _sites(plan: Plan, _: int | None) -> Iterator[str]:
    if plan.sites:
        yield f"{count_text(len(plan.sites), 'doc site')}; what a crawl finds is not known before"
        wide = max(len(site.name) for site in plan.sites)
        for site in plan.sites:
            for number, seed in enumerate(site.seeds):
                yield f"{_INDENT}{'' if number else site.name:{wide}}  {printable(seed, _LONGEST)}"


def _unexpanded(plan: Plan, _: int | None) -> Iterator[str]:
    if plan.unexpanded:
        yield "only the network can tell"
        for each in plan.unexpanded:
            detail = f" ({each.detail})" if each.detail else ""
            yield _INDENT + printable(_UNEXPANDED[each.kind].format(subject=each.subject) + detail, _LONGEST)


def _registries(plan: Plan, _: int | None) -> Iterator[str]:
    if plan.registries:
        yield "registries"
    for load in plan.registries:
        yield (
            f"{_INDENT}{printable(load.registry)}: {count_text(load.images, 'image')}, {size_text(load.fetch)} to fetch, "
            f"{count_text(load.counted, 'counted request')} (for manifests)"
        )
        told = [f"making this plan took {count_text(load.used, 'such request')}"] if load.used else []
        told += [f"the registry says: {load.limit}"] if load.limit else []
        left = load.limit.remaining if load.limit else None
        told += ["archiving will have to wait for more"] if left is not None and left < load.counted else []
        if told:
            yield f"{_INDENT}  {'; '.join(told)}"


def _total(plan: Plan, _: int | None) -> Iterator[str]:
    asked = sum(not image.refers_to for image in plan.images)
    counts = [count_text(asked, "image")] if asked else []
    along = len(plan.images) - asked
    counts += [f"{count_text(along, 'artifact')} along with them"] if along else []
    counts += [count_text(len(plan.files), "file")] if plan.files else []
    if not counts:
        return
    if plan.offline:
        yield f"total: {', '.join(counts)}; sizes unknown without the network"
        return
    total = plan.total
    here = f"{size_text(total.size)}: {size_text(total.here)} here, " if total.here else ""
    yield f"total: {', '.join(counts)}, {here}{size_text(total.fetch)} to fetch"


def _failures(plan: Plan, _: int | None) -> Iterator[str]:
    """Yield the failures; what fails alike, as all images of a dead registry do, is told once."""
    if not plan.failures:
        return
    alike: dict[tuple[str, ...], list[Failure]] = {}
    for failure in plan.failures:
        alike.setdefault((failure.source, failure.code, failure.message, failure.referrer), []).append(
            failure
        )
    yield f"{len(plan.failures)} FAILED:"
    for first, *others in alike.values():
        subject = f"{first.subject} and {len(others)} more" if others else first.subject
        yield _INDENT + printable(failure_line(replace(first, subject=subject)), _LONGEST)
