"""What is different between two snapshots, as a page: one file without scripts and without a network request.

URLs, names and texts come from strangers: all are escaped, each stands in a paragraph or element of its own so that none
turns the reading order of another around, and only http(s) URLs become links.
"""

from __future__ import annotations

from html import escape
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Iterator, Sequence

from archiver.changes import model, textdiff
from archiver.core.amounts import count_text, size_text
from archiver.core.printable import printable
from archiver.core.reportmarkup import moment_text
from archiver.core.reportstyle import STYLE
from archiver.version import PROGRAM

if TYPE_CHECKING:
    from archiver.changes.model import ChangedPage, Changes, Item, MovedTag, Page

MOST_LISTED = 1_000
"""Names of one list that the page shows; the JSON has all."""
MOST_TEXTS = 300
"""Differences of texts that the page shows."""
_OPEN = 12  # of them are unfolded at first
_LONG = 25  # a list of more names is folded
_LONGEST_NAME = 2_000  # characters


def changes_page(changes: Changes) -> bytes:
    """Return the page as UTF-8."""
    page = Template(files("archiver.changes").joinpath("templates/changes.html").read_text("utf-8"))
    sections = [section for section in _sections(changes) if section[2]]
    return page.substitute(
        style=STYLE,
        title=escape(changes.title),
        project=escape(changes.project),
        earlier=escape(changes.earlier.id),
        later=escape(changes.later.id),
        program=escape(PROGRAM),
        lead=escape(
            f"What is different between {moment_text(changes.earlier.finished)} and {moment_text(changes.later.finished)}"
        ),
        notes="\n".join(_notes(changes)),
        facts="\n".join(_facts(changes)),
        links=_navigation(sections),
        body="\n".join(_section(*section) for section in sections),
    ).encode("utf-8", "replace")


def _notes(changes: Changes) -> Iterator[str]:
    replaced = changes.files.replaced
    if replaced:
        what = "1 file has" if len(replaced) == 1 else f"{len(replaced):,} files have"
        rows = "".join(
            f"<dt>{_link(each.now.name)}</dt>{_version('was', each.was)}{_version('is', each.now)}"
            for each in replaced[:MOST_LISTED]
        )
        yield (
            f'<div class="note alarm" role="note"><p><strong>{what} other content under the same name</strong></p>'
            "<p>Somebody may have tampered with it, or its publisher has built it anew. Whoever has the old one should know why "
            f"before the new one is used.</p><dl>{rows}</dl></div>"
        )
    for note in changes.notes:
        good = f" What is here of it is of <code>{escape(note.good)}</code> or older." if note.good else ""
        yield (
            f'<div class="note warn"><p><strong>{escape(note.source)} was {escape(note.verdict)}</strong></p>'
            f"<p>{_text(note.reason.rstrip('.'))}.{good}</p></div>"
        )
    if changes.is_empty:
        yield '<div class="note"><p><strong>Nothing is different</strong> of what anybody reads, runs or installs.</p></div>'


def _version(word: str, item: Item) -> str:
    return (
        f"<dd><span>{word}</span><span><code>{_text(item.digest)}</code> {escape(size_text(item.size))}"
        f' <span class="soft">({item.size:,} bytes)</span></span></dd>'
    )


def _facts(changes: Changes) -> Iterator[str]:
    pages, images, files_ = changes.pages, changes.images, changes.files
    numbers = [
        ("file", "replaced", len(files_.replaced), "alarm"),
        ("page", "changed", len(pages.changed_as(model.TEXT)) + len(pages.changed_as(model.CONTENT)), ""),
        ("page", "added", len(pages.added), ""),
        ("page", "removed", len(pages.removed), ""),
        ("page", "gone upstream", len(pages.gone), "warn"),
        ("page", "back", len(pages.returned), ""),
        ("page", "moved", len(pages.moved), ""),
        ("page", "with other markup only", len(pages.changed_as(model.MARKUP)), ""),
        ("page", "damaged", len(pages.changed_as(model.UNREADABLE)), "warn"),
        ("tag", "moved", len(images.moved), ""),
        ("image", "added", len(images.added), ""),
        ("image", "removed", len(images.removed), ""),
        ("image", "gone upstream", len(images.gone), "warn"),
        ("image", "back", len(images.returned), ""),
        ("file", "added", len(files_.added), ""),
        ("file", "removed", len(files_.removed), ""),
        ("file", "gone upstream", len(files_.gone), "warn"),
        ("file", "back", len(files_.returned), ""),
    ]
    for noun, what, number, kind in numbers:
        if number:
            marked = f' class="{kind}"' if kind else ""
            count, _, name = count_text(number, noun).partition(" ")
            yield f"<li{marked}><b>{count}</b>{name} {what}</li>"


def _sections(changes: Changes) -> Iterator[tuple[str, str, str]]:
    """Yield the anchor, the name and the content of each section."""
    yield "images", "Images", _images(changes.images)
    yield "files", "Files", "".join(_items(changes.files))
    yield "pages", "Pages", _pages(changes.pages)
    yield "texts", "What pages say now", _texts(changes.pages)


def _images(images: model.ImageChanges) -> str:
    moved = [_moved_tag(each) for each in images.moved[:MOST_LISTED]]
    return _list("Tags that moved", "they mean other images now", moved, len(images.moved)) + "".join(
        _items(images)
    )


def _moved_tag(each: MovedTag) -> str:
    return (
        f"<li><b>{_link(each.now.name)}</b><small>was <code>{_text(each.was.digest)}</code></small>"
        f"<small>is <code>{_text(each.now.digest)}</code></small><small>{_text(each.note)}</small></li>"
    )


def _items(changes: model.ImageChanges | model.FileChanges) -> Iterator[str]:
    groups = (
        ("Added", "", changes.added),
        ("Removed", "they are not in the later snapshot", changes.removed),
        ("Gone upstream", "the archive keeps what there was", changes.gone),
        ("Back", "upstream has them again", changes.returned),
    )
    for name, note, items in groups:
        yield _list(name, note, [_item(item) for item in items[:MOST_LISTED]], len(items))


def _item(item: Item) -> str:
    notes = [size_text(item.size)]
    notes += [f"gone since {item.gone[:10]}"] if item.gone else []
    notes += [f"signs or describes {item.refers_to}"] if item.refers_to else []
    return f"<li>{_link(item.name)}<small>{_text(', '.join(notes))}</small></li>"


def _pages(pages: model.PageChanges) -> str:
    groups = (
        ("Added", "", [_page(each) for each in pages.added[:MOST_LISTED]], len(pages.added)),
        ("Removed", "the later snapshot does not have them", [_page(each) for each in pages.removed[:MOST_LISTED]], len(pages.removed)),
        ("Gone upstream", "the archive keeps what there was", [_page(each) for each in pages.gone[:MOST_LISTED]], len(pages.gone)),
        ("Back", "upstream has them again", [_page(each) for each in pages.returned[:MOST_LISTED]], len(pages.returned)),
        ("Moved", "the same text, at another URL", [_moved_page(each) for each in pages.moved[:MOST_LISTED]], len(pages.moved)),
        ("Changed, and no text", "such as PDFs", *_changed(pages.changed_as(model.CONTENT))),
        ("Cannot be read", "a record of the archive is damaged", *_changed(pages.changed_as(model.UNREADABLE))),
        ("Other markup only", "what people read is the same", *_changed(pages.changed_as(model.MARKUP)), ),
    )  # fmt: skip
    lists = "".join(_list(*group) for group in groups)
    found = pages.requisites
    parts = [(found.changed, "changed"), (found.added, "added"), (found.removed, "removed")]
    told = ", ".join(f"{number:,} {what}" for number, what in parts if number)
    return lists + (
        f'<p class="soft">Style sheets, scripts, pictures and the like: {told}.</p>' if told else ""
    )


def _changed(pages: Sequence[ChangedPage]) -> tuple[list[str], int]:
    return [
        f"<li>{_link(each.now.url)}"
        + (f"<small>{_text(each.problem)}</small>" if each.problem else "")
        + "</li>"
        for each in pages[:MOST_LISTED]
    ], len(pages)


def _page(page: Page) -> str:
    gone = f"<small>gone since {_day(page.gone)}</small>" if page.gone else ""
    return f"<li>{_link(page.url)}{gone}</li>"


def _moved_page(move: model.MovedPage) -> str:
    return f"<li>{_link(move.was.url)}<small>is now at {_link(move.now.url)}</small></li>"


def _texts(pages: model.PageChanges) -> str:
    found = pages.differences
    parts = [_difference(alike, is_open=n < _OPEN) for n, alike in enumerate(found[:MOST_TEXTS])]
    hidden = len(pages.changed_as(model.TEXT)) - sum(map(len, found[:MOST_TEXTS]))
    if hidden:
        parts.append(
            f"<p>{count_text(hidden, 'more page')} changed; <code>archiver diff --under URL</code> shows those of a part of a "
            "site.</p>"
        )
    return "\n".join(parts)


def _difference(alike: Sequence[ChangedPage], *, is_open: bool) -> str:
    """Return a difference that can be folded, with the pages that have it."""
    page, *others = alike
    assert page.diff is not None
    parts = list(map(_hunk, page.diff.hunks))
    if page.diff.omitted:
        parts.append(f'<p class="alike">and {count_text(page.diff.omitted, "more line")} that changed</p>')
    if others:
        entries = "".join(f"<li>{_link(each.now.url)}</li>" for each in others[:MOST_LISTED])
        more = f"The same on {count_text(len(others), 'more page')}:"
        parts.append(f'<div class="alike"><p>{more}</p><ul class="urls">{entries}</ul></div>')
    count = f'<span class="soft">on {len(alike):,} pages</span>' if others else ""
    words = (
        f'<span class="minus">&minus;{page.removed:,}</span> <span class="plus">+{page.added:,}</span> words'
    )
    heading = f'<span class="name">{_text(page.now.url)}</span>{count}<span class="count">{words}</span>'
    dates = f"{_day(page.was.captured)} to {_day(page.now.captured)} · {_link(page.now.url, 'live page')}"
    opened = " open" if is_open else ""
    return f"<details{opened}><summary>{heading}</summary><p>{dates}</p>{''.join(parts)}</details>"


def _hunk(hunk: textdiff.Hunk) -> str:
    heading = f'<h3 dir="auto">{_text(hunk.heading)}</h3>' if hunk.heading else ""
    return f'<div class="hunk">{heading}{"".join(map(_line, hunk.lines))}</div>'


def _line(line: textdiff.Line) -> str:
    parts = "".join(_part(part) for part in line.parts)
    return f'<p dir="auto" class="{line.kind}">{parts}</p>'


def _part(part: textdiff.Part) -> str:
    tag = {textdiff.REMOVED: "del", textdiff.ADDED: "ins"}.get(part.kind)
    text = _text(part.text, 1 << 20)
    return f"<{tag}>{text}</{tag}>" if tag else text


def _list(name: str, note: str, entries: Sequence[str], total: int) -> str:
    """Return a list that can be folded; nothing where it is empty."""
    if not total:
        return ""
    unfolded = "" if total > _LONG else " open"
    said = f'<span class="soft">{escape(note)}</span>' if note else ""
    more = total - len(entries)
    rest = f"<li>and {more:,} more</li>" if more else ""
    return (
        f'<details{unfolded}><summary><b>{escape(name)}</b>{said}<span class="count">{total:,}</span></summary>'
        f'<ul class="urls">{"".join(entries)}{rest}</ul></details>'
    )


def _section(anchor: str, name: str, content: str) -> str:
    return f'<section id="{anchor}">\n<h2>{escape(name)}</h2>\n{content}\n</section>'


def _navigation(sections: Sequence[tuple[str, str, str]]) -> str:
    anchors = "\n".join(f'<a href="#{anchor}">{escape(name)}</a>' for anchor, name, _ in sections)
    return f'<nav aria-label="On this page">\n{anchors}\n</nav>' if len(sections) > 1 else ""


def _link(url: str, name: str = "") -> str:
    if url.startswith(("http://", "https://")):
        return f'<a href="{escape(url)}" rel="noreferrer noopener">{_text(name or url)}</a>'
    return f"<bdi>{_text(url)}</bdi>"


def _text(text: str, most: int = _LONGEST_NAME) -> str:
    return escape(printable(text, most))


def _day(timestamp: str) -> str:
    return f"{timestamp[:4]}-{timestamp[4:6]}-{timestamp[6:8]}"
