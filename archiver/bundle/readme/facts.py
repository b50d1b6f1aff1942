"""What is told of a bundle: names, numbers, sentences and rows of tables, free of any markup."""

from __future__ import annotations

from typing import TYPE_CHECKING, Sequence

from archiver.core.amounts import count_text, size_text
from archiver.core.clock import iso, iso_of_timestamp14, parse_iso, parse_snapshot_id
from archiver.core.judgement import FILES, GONE, IMAGES
from archiver.core.reference import Reference
from archiver.core.urlkey import Origin
from archiver.offline.loading.runtimes import ZSTD_NOTE

if TYPE_CHECKING:
    from archiver.bundle.closure import Contents
    from archiver.bundle.readme.blocks import Cell
    from archiver.core.judgement import Judgement

MOST_FAILURES = 200  # shown; bundle.json has them all
DOC_COLUMNS = ("Site", "Pages", "From", "Captured")
IMAGE_COLUMNS = ("Image", "Platforms", "Size")
FILE_COLUMNS = ("File", "Size")
FAILURE_COLUMNS = ("What", "Why")
LAYOUT_COLUMNS = ("File", "What it is")

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)  # not strftime's, which speak the language of whoever packs
_ZSTD = "zstd"
_MOST_NAMED = 4  # hosts in a line


def day(moment: str) -> str:
    """Return ``23 November 2026`` for a time as snapshots have it."""
    when = parse_iso(moment)
    return f"{when.day} {_MONTHS[when.month - 1]} {when.year}"


def title(contents: Contents) -> str:
    """Return the project's name for people."""
    return contents.snapshot.title or contents.snapshot.project


def lead(contents: Contents) -> str:
    """Return what the bundle is, in two sentences."""
    named = [
        word
        for word, present in (
            ("documentation", contents.docs),
            ("container images", contents.images),
            ("downloads", contents.files),
        )
        if present
    ]
    kinds = _listed(named) or "project"
    when = day(contents.snapshot.finished)
    if contents.base:
        return (
            f"An update of the {kinds} of {title(contents)}, as of {when}: what is new since the copy of "
            f"{day(iso(parse_snapshot_id(contents.base.snapshot)))}, which it builds on."
        )
    return (
        f"A copy of the {kinds} of {title(contents)}, made on {when}. "
        "Everything in it can be read, searched and loaded without the internet."
    )


def origin_rows(contents: Contents) -> tuple[tuple[str, str], ...]:
    """Return when and from where all of it is, each a name and what there is to say."""
    finished = parse_iso(contents.snapshot.finished)
    seeds = [seed for wacz in contents.docs for seed in wacz.site.result.seeds]
    own = [image.result for image in contents.images if not image.result.refers_to]
    rows = (
        ("As of", f"{day(contents.snapshot.finished)}, {finished:%H:%M} UTC"),
        ("Documentation from", _first_of(seeds)),
        ("Images from", _first_of([Reference.parse(each.reference).registry for each in own])),
        ("Downloads from", _first_of([Origin.of(file.url).netloc for file in contents.files])),
    )
    return tuple((name, value) for name, value in rows if value)


def _first_of(names: Sequence[str]) -> str:
    distinct = list(dict.fromkeys(names))
    shown = distinct[:_MOST_NAMED]
    more = len(distinct) - len(shown)
    return _listed([*shown, f"{more} more"] if more else shown)


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def numbers(contents: Contents) -> tuple[tuple[str, str], ...]:
    """Return the figures worth a glance, each with what it counts."""
    pages = sum(wacz.site.result.pages for wacz in contents.docs)
    volume = sum(wacz.size for wacz in contents.docs)
    volume += contents.images_tar.size if contents.images_tar else 0
    volume += sum(file.size for file in contents.packed_files)
    found = [
        (pages, "page of documentation", "pages of documentation"),
        (sum(not image.result.refers_to for image in contents.images), "container image", "container images"),
        (len(contents.files), "download", "downloads"),
    ]
    shown = [(f"{number:,}", one if number == 1 else many) for number, one, many in found if number]
    return (*shown, (size_text(volume), "of what is new" if contents.base else "of content"))


def state(contents: Contents) -> tuple[str, ...]:
    """Return whether everything is here, a paragraph each."""
    failed = len(contents.snapshot.failures)
    left_out = len(contents.failures) - failed
    whole = [
        f"{count_text(failed, 'thing')} could not be fetched for this copy. "
        "Where an earlier run had got it, that version is here."
        if failed
        else ""
    ]
    whole += [
        f"{count_text(left_out, 'image')} left out: not archived for what was packed." if left_out else ""
    ]
    if not contents.failures:
        whole = [
            f"Everything that was asked for is here{', or in what it builds on' if contents.base else ''}."
        ]
    broken = len(contents.snapshot.broken_links)
    links = (
        f"{count_text(broken, 'link')} of the documentation {'was' if broken == 1 else 'were'} broken already: "
        f"{'its target' if broken == 1 else 'their targets'} did not exist."
        if broken
        else ""
    )
    return tuple(filter(None, (*whole, *reservations(contents), links)))


def reservations(contents: Contents) -> tuple[str, ...]:
    """Return what is older than the snapshot, narrowed, or not here at all, a sentence each."""
    said: list[str] = []
    packed = {wacz.site.result.name for wacz in contents.docs}
    for site in contents.snapshot.sites:
        if site.name not in packed:
            said.append(f"Nothing could be archived of the doc site {site.name}.")
            continue
        said += _refusal(contents.snapshot.judgement(site.name), f"The doc site {site.name}")
        if site.gone:
            said.append(
                f"The doc site {site.name} itself has {site.gone:,} of these addresses no longer; here they are as they last were."
            )
    said += _refusal(contents.snapshot.judgement(IMAGES), "What the images come from")
    said += _refusal(contents.snapshot.judgement(FILES), "What the downloads come from")
    for number, noun in (
        (sum(image.result.carried for image in contents.images), "image"),
        (sum(file.carried for file in contents.files), "download"),
    ):
        if number:
            said.append(f"{count_text(number, noun)} could not be fetched again; an earlier copy is here.")
    if contents.platforms:
        said.append(f"Images were packed for {', '.join(map(str, contents.platforms))} only.")
    return tuple(said)


def _refusal(judged: Judgement | None, subject: str) -> list[str]:
    """Return why a source is here as it was before; nothing where it is as it was at the last visit."""
    if judged is None or not judged.keeps:
        return []
    since = f" since {day(judged.since)}" if judged.since else ""
    kept = f"as of {day(iso(parse_snapshot_id(judged.good)))}"
    trouble = "has been gone" if judged.verdict == GONE else "has been in trouble"
    why = f" ({judged.reason.rstrip('.')})" if judged.reason else ""
    return [f"{subject} {trouble}{since}{why}; what is here is good, {kept}."]


def doc_rows(contents: Contents) -> list[Sequence[Cell]]:
    """Return a row a doc site, for DOC_COLUMNS."""
    rows: list[Sequence[Cell]] = []
    for wacz in contents.docs:
        site = wacz.site.result
        times = sorted(held.capture.timestamp for held in wacz.site.captures)
        oldest, newest = (iso_of_timestamp14(text)[:10] for text in (times[0], times[-1]))
        captured = newest if oldest == newest else f"{oldest} to {newest}"
        rows.append(
            ((site.name, wacz.path), (f"{site.pages:,}",), (site.seeds[0], *site.seeds[1:]), (captured,))
        )
    return rows


def reader_platform(contents: Contents) -> str:
    """Return the platform of the reader's image that Docker and Podman load; empty where it does not say."""
    wanted = contents.reader_image
    return next((each.default_platform for each in contents.images if each.result.reference == wanted), "")


def zstd_sentence(contents: Contents) -> str:
    """Return who refuses images that are packed with zstd, and how many they are; empty where there are none."""
    count = sum(_ZSTD in image.compressions for image in contents.images)
    if not count:
        return ""
    return f"{count_text(count, 'image')} {'has' if count == 1 else 'have'} layers packed with zstd: {ZSTD_NOTE}."


def image_rows(contents: Contents) -> list[Sequence[Cell]]:
    """Return a row an image, for IMAGE_COLUMNS; the platform that Docker loads comes first, signatures come last."""
    rows: list[Sequence[Cell]] = []
    for image in sorted(contents.images, key=lambda image: bool(image.result.refers_to)):
        first = image.default_platform
        platforms = sorted(filter(None, image.result.platforms), key=lambda name: name != first)
        rows.append(
            (
                (
                    image.result.reference,
                    image.result.digest,
                    f"layers packed with zstd: {ZSTD_NOTE}" if _ZSTD in image.compressions else "",
                ),
                (
                    ", ".join(platforms)
                    or ("signs or describes an image above" if image.result.refers_to else "any"),
                ),
                (size_text(image.result.size),),
            )
        )
    return rows


def file_rows(contents: Contents) -> list[Sequence[Cell]]:
    """Return a row a downloaded file, for FILE_COLUMNS."""
    here = frozenset(file.path for file in contents.packed_files)
    return [
        (
            (
                f"files/{file.path}",
                "" if file.path in here else "unchanged: in an earlier bundle",
                f"from {file.url}",
                file.digest,
            ),
            (size_text(file.size),),
        )
        for file in contents.files
    ]


def failure_rows(contents: Contents) -> list[Sequence[Cell]]:
    """Return a row a failure, for FAILURE_COLUMNS, at most MOST_FAILURES."""
    return [
        ((failure.subject, failure.referrer and f"named by {failure.referrer}"), (failure.message,))
        for failure in contents.failures[:MOST_FAILURES]
    ]


def layout(contents: Contents, *, signed: bool) -> list[tuple[str, str]]:
    """Return the bundle's files and what each is for."""
    delta = contents.base is not None
    rows = [
        ("README.html, README.txt", "this text", True),
        ("archiver.pyz", "the reading program; runs with Python 3.9 or later and nothing else", True),
        (
            "docs/*.wacz",
            "the web pages, one file a site, as a web archive (WACZ)",
            bool(contents.docs) and not delta,
        ),
        (
            "docs/*.warc.gz",
            "the web pages that are new, one file a site (WARC)",
            bool(contents.docs) and delta,
        ),
        ("docs/search.sqlite", "the search index", bool(contents.docs)),
        (
            "images/images.tar",
            "the container images (an OCI image layout)",
            bool(contents.images) and not delta,
        ),
        ("images/images.tar", "what is new of the container images", bool(contents.images) and delta),
        ("files/", "downloaded files, by host and path", bool(contents.packed_files)),
        ("record/", "what an archive needs to take all of this in", True),
        ("bundle.json", "the list of all that is here, for programs", True),
        ("SHA256SUMS", "the checksums of all that is here", True),
        ("SHA256SUMS.sig", "the signature of the checksums (OpenSSH)", signed),
    ]
    return [(name, purpose) for name, purpose, present in rows if present]
