"""What the two READMEs have in common: names, numbers and commands, free of any markup."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Sequence

from archiver.core.amounts import count_text, size_text
from archiver.core.clock import iso_of_timestamp14, parse_iso
from archiver.core.reference import Reference
from archiver.core.snapshot import HEALTHY
from archiver.offline.pullname import pull_name

if TYPE_CHECKING:
    from archiver.bundle.closure import Contents

MOST_FAILURES = 200  # shown; bundle.json has them all
DOC_COLUMNS = ("Site", "Pages", "From", "Captured")
IMAGE_COLUMNS = ("Image", "Platforms", "Size")
FILE_COLUMNS = ("File", "Size")
FAILURE_COLUMNS = ("What", "Why")
NUMBER_COLUMNS = frozenset({"Pages", "Size"})

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)  # not strftime's, which speak the language of whoever packs

Cell = Sequence[str]  # a line, and small print below it


@dataclass(frozen=True)
class Commands:
    """Commands to copy, for one bundle. Each is a list of lines; empty where it does not apply.

    The bundle is called by the name it is made under; its parts are safe in any shell (a project's name is
    lowercase letters, digits and ``.-_``).
    """

    program: tuple[str, ...]
    verify: tuple[str, ...]
    unpack: tuple[str, ...]
    check_linux: tuple[str, ...]
    check_macos: tuple[str, ...]
    check_windows: tuple[str, ...]
    serve: tuple[str, ...]
    serve_network: tuple[str, ...]
    search: tuple[str, ...]
    take_images: tuple[str, ...]
    docker: tuple[str, ...]
    podman: tuple[str, ...]
    containerd: tuple[str, ...]
    pull: tuple[str, ...]
    files: tuple[str, ...]


def commands(contents: Contents) -> Commands:
    """Return the commands for a bundle."""
    name, folder = contents.name, contents.name.removesuffix(".tar")
    images, files = bool(contents.images), bool(contents.files)
    first = next((image.result for image in contents.images if not image.result.refers_to), None)
    return Commands(
        program=(f"tar xf {name} archiver.pyz",),
        verify=(f"python3 archiver.pyz verify {name}",),
        unpack=(f"mkdir {folder}", f"tar xf {name} -C {folder}", f"cd {folder}"),
        check_linux=("sha256sum -c SHA256SUMS",),
        check_macos=("shasum -a 256 -c SHA256SUMS",),
        check_windows=(
            "Get-Content SHA256SUMS -Encoding UTF8 | ForEach-Object {",
            "  $sum, $file = $_ -split '  ', 2",
            "  $same = (Get-FileHash -LiteralPath $file -Algorithm SHA256).Hash -eq $sum",
            '  if ($same) { "OK       $file" } else { "DAMAGED  $file" }',
            "}",
        ),
        serve=(f"python3 archiver.pyz serve {name}",),
        serve_network=(f"python3 archiver.pyz serve {name} --host 0.0.0.0 --port 5000",),
        search=(f'python3 archiver.pyz search {name} "some words"',) if contents.docs else (),
        take_images=(f"tar xf {name} images/images.tar",) if images else (),
        docker=("docker load -i images/images.tar",) if images else (),
        podman=("podman load -i images/images.tar",) if images else (),
        containerd=("ctr -n k8s.io image import images/images.tar",) if images else (),
        pull=_pull(first.reference) if first else (),
        files=(f"tar xf {name} files",) if files else (),
    )


def _pull(reference: str) -> tuple[str, ...]:
    name = pull_name(Reference.parse(reference), "localhost:5000")
    return f"docker pull {name}", f"podman pull --tls-verify=false {name}"


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
    kinds = " and ".join(filter(None, (", ".join(named[:-1]), *named[-1:])))
    return (
        f"A copy of the {kinds or 'project'} of {title(contents)}, made on {day(contents.snapshot.finished)}. "
        "Everything in it can be read, searched and loaded without the internet."
    )


def numbers(contents: Contents) -> tuple[tuple[str, str], ...]:
    """Return the figures worth a glance, each with what it counts."""
    pages = sum(wacz.site.result.pages for wacz in contents.docs)
    volume = sum(wacz.size for wacz in contents.docs)
    volume += contents.images_tar.size if contents.images_tar else 0
    volume += sum(file.size for file in contents.files)
    found = [
        (pages, "page of documentation", "pages of documentation"),
        (sum(not image.result.refers_to for image in contents.images), "container image", "container images"),
        (len(contents.files), "download", "downloads"),
    ]
    shown = [(f"{number:,}", one if number == 1 else many) for number, one, many in found if number]
    return (*shown, (size_text(volume), "of content"))


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
        whole = ["Everything that was asked for is here."]
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
        elif site.verdict != HEALTHY:
            said.append(
                f"The doc site {site.name} was {site.verdict} when it was last visited; an earlier good copy is here."
            )
    for number, noun in (
        (sum(image.result.carried for image in contents.images), "image"),
        (sum(file.carried for file in contents.files), "download"),
    ):
        if number:
            said.append(f"{count_text(number, noun)} could not be fetched again; an earlier copy is here.")
    if contents.platforms:
        said.append(f"Images were packed for {', '.join(map(str, contents.platforms))} only.")
    return tuple(said)


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


def image_rows(contents: Contents) -> list[Sequence[Cell]]:
    """Return a row an image, for IMAGE_COLUMNS; the platform that Docker loads comes first, signatures come last."""
    rows: list[Sequence[Cell]] = []
    for image in sorted(contents.images, key=lambda image: bool(image.result.refers_to)):
        first = image.default_platform
        platforms = sorted(filter(None, image.result.platforms), key=lambda name: name != first)
        rows.append(
            (
                (image.result.reference, image.result.digest),
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
    return [
        ((f"files/{file.path}", f"from {file.url}", file.digest), (size_text(file.size),))
        for file in contents.files
    ]


def failure_rows(contents: Contents) -> list[Sequence[Cell]]:
    """Return a row a failure, for FAILURE_COLUMNS, at most MOST_FAILURES."""
    return [
        ((failure.subject, failure.referrer and f"named by {failure.referrer}"), (failure.message,))
        for failure in contents.failures[:MOST_FAILURES]
    ]


def layout(contents: Contents) -> list[tuple[str, str]]:
    """Return the bundle's files and what each is for."""
    rows = [
        ("README.html, README.txt", "this text", True),
        ("archiver.pyz", "the reading program; runs with Python 3.9 or later and nothing else", True),
        ("docs/*.wacz", "the web pages, one file a site, as a web archive (WACZ)", bool(contents.docs)),
        ("docs/search.sqlite", "the search index", bool(contents.docs)),
        ("images/images.tar", "the container images (an OCI image layout)", bool(contents.images)),
        ("files/", "downloaded files, by host and path", bool(contents.files)),
        ("bundle.json", "the list of all that is here, for programs", True),
        ("SHA256SUMS", "the checksums of all that is here", True),
    ]
    return [(name, purpose) for name, purpose, present in rows if present]
