"""The first page that a reader sees: what is in here, from when, how complete, and how to get at it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Mapping, Sequence
from urllib.parse import quote

from archiver.core.amounts import count_text, size_text
from archiver.core.judgement import DEGRADED, FILES, GONE, IMAGES
from archiver.core.reference import Reference
from archiver.offline.asof import PATH as CHOOSE
from archiver.offline.datepicker import date_picker, moment_of, not_newest
from archiver.offline.imagelist import FOLDED_FROM, NAMES, images_section
from archiver.offline.markup import (
    age_text,
    badge,
    day_of_timestamp,
    day_tag,
    day_text,
    esc,
    gone_text,
    groups,
    narrow_box,
    page,
    search_box,
    section,
    time_tag,
)
from archiver.offline.pulling import Pullable
from archiver.offline.pullname import pull_name

if TYPE_CHECKING:
    from datetime import datetime

    from archiver.core.snapshot import Failure
    from archiver.offline.addresses import View
    from archiver.offline.asof import Choices
    from archiver.offline.holdings import File, Holding, Image, Site
    from archiver.offline.wsgi import Reply

PROJECTS = "/-/projects/"
REPORT = "/-/report"
_MOST_LINKS = 3  # doc sites linked to from a project's card
_MOST_OPEN = 8  # failures shown without asking
_VERDICTS = {DEGRADED: "was in trouble at the last visit", GONE: "is gone"}
_SETS = {IMAGES: "What the images come from", FILES: "What the files come from"}


@dataclass(frozen=True)
class Shown:
    """What a page is made for.

    Attributes:
        view: the addresses as this reader sees them.
        registry: the registry as this reader's clients see it.
        root: the path below which this server's own pages are.
        now: the time that ages are counted to.
        verified: when every byte was checked before serving, as an ISO time; empty where it was not.
        images: what the reader narrows the list of images by.
        files: what the reader narrows the list of files by.
    """

    view: View
    registry: Pullable
    root: str
    now: datetime
    verified: str = ""
    images: str = ""
    files: str = ""


def project_page(holding: Holding, shown: Shown, *, alone: bool, choices: Choices | None = None) -> Reply:
    """Return the page of one project.

    Args:
        holding: the project.
        shown: for whom.
        alone: whether nothing else is served, so that this is the landing page.
        choices: the snapshots that there are of it; None where there is one.
    """
    title = holding.title or holding.project
    above = "Offline copy" if alone else f'<a href="{esc(shown.root)}/">All projects</a>'
    find = search_box(action=f"{shown.root}/-/search", hint=f"Search {title}") if holding.search else ""
    missing = _missing(holding, _report_address(holding, shown, alone=alone))
    back = f"{shown.root}/" if alone else project_address(holding.project, shown.root)
    action = f"{shown.root}{CHOOSE}"
    picker = date_picker(choices, action, back) + not_newest(choices, action, back) if choices else ""
    return page(
        f"{title} · offline",
        f'<header class="top"><div class="wrap"><p class="eyebrow">{above}</p><h1 dir="auto">{esc(title)}</h1>'
        f"{_when(holding, shown)}{picker}{find}{_numbers(holding)}</div></header>"
        f'<main id="main" class="wrap">{_docs(holding, shown)}'
        f"{images_section(holding.images.images, shown.registry, names=_names(holding, shown, alone=alone), find=shown.images, note=_set_trouble(holding, IMAGES))}"
        f"{_files(holding, shown)}{missing}{_about(holding, shown, alone=alone)}</main>",
        root=shown.root,
        foot=_foot(shown),
    )


def overview_page(holdings: Sequence[Holding], shown: Shown, choices: Mapping[str, Choices]) -> Reply:
    """Return the landing page of an archive with several projects; ``choices`` are their snapshots, by project."""
    find = (
        search_box(action=f"{shown.root}/-/search", hint="Search all documentation")
        if any(holding.search for holding in holdings)
        else ""
    )
    cards = "".join(
        f'<li class="card">{_card(holding, shown, choices.get(holding.project))}</li>' for holding in holdings
    )
    newest = max(holding.created for holding in holdings)
    pages = count_text(sum(site.pages for holding in holdings for site in holding.sites), "page")
    return page(
        "Archive · offline",
        '<header class="top"><div class="wrap"><p class="eyebrow">Offline copy</p>'
        f"<h1>{count_text(len(holdings), 'project')}</h1>"
        f'<p class="lead">{esc(pages)} of documentation, newest from {time_tag(newest)} {_age(newest, shown)}</p>'
        f"{find}</div></header>"
        f'<main id="main" class="wrap"><h2 class="hidden">Projects</h2><ul class="cards projects" role="list">{cards}</ul></main>',
        root=shown.root,
        foot=_foot(shown),
    )


def image_name(image: Image, view: View) -> str:
    """Return the name by which any client pulls an image from this server."""
    return pull_name(Reference.parse(image.reference), Pullable.at(view.main_origin).netloc)


def file_url(file: File, view: View) -> str:
    """Return where a downloaded file is served."""
    return f"{view.main}/files/{quote(file.path)}"


def site_url(site: Site, view: View) -> str | None:
    """Return where a site's first seed is served, or None where nothing of it is."""
    return next((url for seed in site.seeds if (url := view.locate(seed))), None) or next(
        (url for origin in site.origins if (url := view.locate(f"{origin}/"))), None
    )


def project_address(project: str, root: str) -> str:
    """Return the path of a project's page, where several are served."""
    return f"{root}{PROJECTS}{quote(project)}"


def _names(holding: Holding, shown: Shown, *, alone: bool) -> str:
    return f"{shown.view.main}{NAMES}" + ("" if alone else f"?project={quote(holding.project)}")


def _report_address(holding: Holding, shown: Shown, *, alone: bool) -> str:
    return f"{shown.root}{REPORT}" + ("" if alone else f"?project={quote(holding.project)}")


def _when(holding: Holding, shown: Shown) -> str:
    checked = (
        badge(f"every byte verified {day_text(shown.verified)}", "good")
        if shown.verified
        else badge("checked as it is read")
    )
    return (
        f'<p class="lead">Archived {time_tag(holding.created)} {_age(holding.created, shown)}</p>'
        f'<p class="badges">{_lacks(holding) or badge("complete", "good")}{checked}</p>'
    )


def _age(iso: str, shown: Shown) -> str:
    age = age_text(iso, shown.now)
    return f'<span class="age">{esc(age)}</span>' if age else ""


def _lacks(holding: Holding, address: str = "") -> str:
    """Return what keeps a copy from being complete and new; nothing where it is. ``address`` is its page's, from elsewhere."""
    kept = sum(judgement.keeps for judgement in holding.judgements)
    missing = len(holding.failures)
    return (badge(f"{count_text(kept, 'source')} kept as before", "warn", address) if kept else "") + (
        badge(f"{count_text(missing, 'thing')} not here, or not renewed", "warn", f"{address}#missing")
        if missing
        else ""
    )


def _foot(shown: Shown) -> str:
    if shown.verified:
        return f"All of it was verified {day_text(shown.verified)}, and is checked against its digest as it is read."
    return "Everything is checked against its digest as it is read."


def _numbers(holding: Holding) -> str:
    """Return how much there is of each kind, as the way to it."""
    images = sum(not image.refers_to for image in holding.images.images)
    parts = (
        ("#docs", sum(site.pages for site in holding.sites), "page", "pages of documentation"),
        ("#images", images, "container image", "container images"),
        ("#files", len(holding.files.files), "file", "files"),
    )
    items = "".join(
        f'<li><a href="{target}"><b>{number:,}</b> {one if number == 1 else several}</a></li>'
        for target, number, one, several in parts
        if number
    )
    return f'<nav aria-label="On this page"><ul class="numbers" role="list">{items}</ul></nav>'


def _card(holding: Holding, shown: Shown, choices: Choices | None) -> str:
    """Return what an archive's landing page says of a project."""
    address = project_address(holding.project, shown.root)
    images = sum(not image.refers_to for image in holding.images.images)
    facts = [
        count_text(number, noun)
        for number, noun in (
            (sum(site.pages for site in holding.sites), "page"),
            (images, "image"),
            (len(holding.files.files), "file"),
        )
        if number
    ]
    links = [(site.name, url) for site in holding.sites if (url := site_url(site, shown.view))]
    items = "".join(f'<li><a href="{esc(url)}">{esc(name)}</a></li>' for name, url in links[:_MOST_LINKS])
    more = len(links) - _MOST_LINKS
    rest = f'<li><a href="{esc(address)}#docs">{more:,} more</a></li>' if more > 0 else ""
    docs = f'<ul class="links" role="list" aria-label="Documentation">{items}{rest}</ul>' if items else ""
    state = _lacks(holding, address)
    if choices and choices.current != choices.newest:
        state += badge(f"newest: {moment_of(choices.newest)[:10]}", "warn", address)
    badges = f'<p class="badges">{state}</p>' if state else ""
    return (
        f'<h3 dir="auto"><a href="{esc(address)}">{esc(holding.title or holding.project)}</a></h3>'
        f'<p class="dim">{esc(" · ".join(facts) or "empty")}</p>'
        f'<p class="dim">{day_tag(holding.created)} {_age(holding.created, shown)}</p>{badges}{docs}'
    )


def _docs(holding: Holding, shown: Shown) -> str:
    if not holding.sites:
        return ""
    cards = "".join(f"<li>{_doc(holding, site, shown)}</li>" for site in holding.sites)
    pages = count_text(sum(site.pages for site in holding.sites), "page")
    return section("docs", "Documentation", pages, f'<ul class="cards" role="list">{cards}</ul>')


def _doc(holding: Holding, site: Site, shown: Shown) -> str:
    day = day_of_timestamp(site.newest)
    facts = " · ".join(
        filter(
            None,
            (
                count_text(site.pages, "page"),
                f"as of {day}" if day else "",
                f"{site.gone:,} gone upstream" if site.gone else "",
            ),
        )
    )
    original = site.seeds[0] if site.seeds else (site.origins or ("",))[0]
    trouble = _trouble(holding, site.name)
    about = f'<span class="from">{esc(original)}</span><span class="dim">{esc(facts)}</span>' + (
        f'<span class="trouble">The site {trouble}</span>' if trouble else ""
    )
    url = site_url(site, shown.view)
    name = f'<span class="name" dir="auto">{esc(site.name)}</span>'
    if url is None:
        return f'<div class="card">{name}{about}</div>'
    return f'<a class="card" href="{esc(url)}">{name}{about}<span class="go">Open</span></a>'


def _trouble(holding: Holding, source: str) -> str:
    """Return what is the matter with a source that the last visit was refused of; nothing where all is well."""
    judged = next((each for each in holding.judgements if each.source == source and each.keeps), None)
    if judged is None:
        return ""
    since = f", since {esc(judged.since[:10])}" if judged.since else ""
    return f"{_VERDICTS[judged.verdict]}{since}: kept as it was before"


def _set_trouble(holding: Holding, source: str) -> str:
    trouble = _trouble(holding, source)
    return f'<p class="trouble">{_SETS[source]} {trouble}</p>' if trouble else ""


def _files(holding: Holding, shown: Shown) -> str:
    files = holding.files.files
    if not files:
        return ""
    found = [file for file in files if shown.files.casefold() in file.path.casefold()]
    many = len(files) >= FOLDED_FROM
    narrow = narrow_box("files", "Find a file", shown.files) if many else ""
    note = f"{count_text(len(files), 'file')} · {size_text(sum(file.size for file in files))}"
    if shown.files:
        note = f"{len(found):,} of {note}"
    return section(
        "files",
        "Files",
        note,
        _set_trouble(holding, FILES)
        + (f'<div class="bar-of-tools">{narrow}</div>' if narrow else "")
        + f'<div id="files-list">{_file_groups(found, shown, folded=len(found) >= FOLDED_FROM)}</div>',
    )


def _file_groups(files: Sequence[File], shown: Shown, *, folded: bool) -> str:
    if not files:
        return '<p class="none">No file has that in its name.</p>'
    if not folded:
        return _file_rows(files, shown)
    places = [(place, list(group)) for place, group in groupby(sorted(files, key=_by_path), _place)]
    return groups((place, f"{len(group):,}", _file_rows(group, shown)) for place, group in places)


def _by_path(file: File) -> str:
    return file.path


def _place(file: File) -> str:
    """Return the first folders of a file's path: enough to tell projects on one host apart."""
    return "/".join(file.path.split("/")[:-1][:3])


def _file_rows(files: Sequence[File], shown: Shown) -> str:
    rows = "".join(
        f'<li><div class="what"><p class="ref"><a href="{esc(file_url(file, shown.view))}" download>'
        f'<b>{esc(file.path.rsplit("/", 1)[-1])}</b></a></p><p class="dim">{esc(size_text(file.size))}{gone_text(file.gone)}</p></div>'
        f'<p class="from">{esc(file.url)}</p><p class="digest">{esc(str(file.digest))}</p></li>'
        for file in files
    )
    return f'<ul class="rows" role="list">{rows}</ul>'


def _missing(holding: Holding, report: str) -> str:
    failures = holding.failures
    if not failures:
        return ""
    others = failures[_MOST_OPEN:]
    more = f' <a href="{esc(report)}">The crawl report</a> says more.'
    return section(
        "missing",
        "Not here, or not renewed",
        count_text(len(failures), "thing"),
        "<p>These could not be had when the archive was made. Where an earlier copy was there, that one is here."
        f"{more}</p>{_failed(failures[:_MOST_OPEN])}"
        + (groups([("The others", f"{len(others):,}", _failed(others))]) if others else ""),
    )


def _failed(failures: Sequence[Failure]) -> str:
    rows = "".join(
        f'<li><p class="ref">{esc(failure.subject)}</p><p class="dim">{esc(failure.source)} · '
        f"{esc(failure.message)}</p></li>"
        for failure in failures
    )
    return f'<ul class="rows" role="list">{rows}</ul>'


def _about(holding: Holding, shown: Shown, *, alone: bool) -> str:
    """Return where this copy comes from and how it can be checked."""
    checked = (
        f"Every byte, {day_text(shown.verified)}, before it was served"
        if shown.verified
        else "Each page, layer and file against its digest, as it is read"
    )
    report = _report_address(holding, shown, alone=alone)
    rows = "".join(
        f"<div><dt>{name}</dt><dd>{value}</dd></div>"
        for name, value in (
            ("Project", f"<code>{esc(holding.project)}</code>"),
            ("Snapshot", f"<code>{esc(holding.snapshot)}</code>"),
            ("Checked", esc(checked)),
            ("Crawl report", f'<a href="{esc(report)}">What was found, got, left out and missed</a>'),
            ("For programs", f'<a href="{esc(shown.root)}/-/bundle.json">All that is here, as JSON</a>'),
        )
    )
    return section("about", "About this copy", "", f'<dl class="box about">{rows}</dl>')
