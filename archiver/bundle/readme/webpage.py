"""README.html: one page without scripts and without a network request."""

from __future__ import annotations

from html import escape
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Sequence

from archiver.bundle.readme import facts
from archiver.version import PROGRAM

if TYPE_CHECKING:
    from archiver.bundle.closure import Contents


def render(contents: Contents) -> bytes:
    """Return the page."""
    steps = [
        section
        for section in (_check(contents), _read(contents), _load(contents), _take(contents))
        if section
    ]
    sections = [*steps, *filter(None, (_inventory(contents), _failures(contents), _layout(contents)))]
    page = Template(files("archiver.bundle").joinpath("templates/README.html").read_text("utf-8"))
    return page.substitute(
        title=escape(facts.title(contents)),
        lead=escape(facts.lead(contents)),
        facts="\n".join(
            f"<li><b>{escape(value)}</b>{escape(label)}</li>" for value, label in facts.numbers(contents)
        ),
        state=_state(contents),
        links="\n".join(f'<a href="#{anchor}">{escape(name)}</a>' for anchor, name, _ in sections),
        body="\n".join(
            _section(number if number <= len(steps) else 0, *section)
            for number, section in enumerate(sections, 1)
        ),
        snapshot=escape(contents.snapshot.id),
        project=escape(contents.snapshot.project),
        program=escape(PROGRAM),
    ).encode("utf-8")


_Section = tuple[str, str, str]  # the anchor, the heading, the content as HTML


def _section(step: int, anchor: str, name: str, content: str) -> str:
    number = f'<span class="step">{step}</span>' if step else ""
    return f'<section id="{anchor}">\n<h2>{number}{escape(name)}</h2>\n{content}\n</section>'


def _state(contents: Contents) -> str:
    said = [f"<p>{escape(sentence)}</p>" for sentence in facts.state(contents)]
    if contents.failures:
        said.append('<p><a href="#missing">See what is missing</a></p>')
    kind = "note warn" if contents.failures or facts.reservations(contents) else "note"
    return f'<div class="{kind}">{"".join(said)}</div>'


def _check(contents: Contents) -> _Section:
    known = facts.commands(contents)
    return (
        "check",
        "Check that it is whole",
        "<p>With Python 3.9 or later, take the reading program out of the archive first. It needs nothing "
        "installed and unpacks nothing:</p>"
        + _command("Terminal", *known.program, *known.verify)
        + "<p>On Windows, write <code>py</code> for <code>python3</code>, here and below. The program reads every byte and names each file that is damaged. Without Python, unpack the archive and "
        "check it with what your system has:</p>"
        + _command("Unpack (Windows 10 and later have tar)", *known.unpack)
        + '<div class="side">'
        + _command("Linux", *known.check_linux)
        + _command("macOS", *known.check_macos)
        + "</div>"
        + _command("Windows PowerShell", *known.check_windows),
    )


def _read(contents: Contents) -> _Section | None:
    known = facts.commands(contents)
    if not contents.docs:
        return None
    return (
        "read",
        "Read and search the documentation",
        "<p>Start the reading program and open the address that it prints in your browser. Nothing is unpacked, "
        "nothing is installed, and the browser is kept from the live internet.</p>"
        + _command("Terminal", *known.serve)
        + "<p>The page that opens has a search box. In a terminal:</p>"
        + _command("Terminal", *known.search)
        + "<p>To serve others on your network, let it listen on all addresses:</p>"
        + _command("Terminal", *known.serve_network)
        + "<p>Without Python: the files <code>docs/*.wacz</code> are in the WACZ format, which ReplayWeb.page and "
        "other web archive viewers open as well.</p>",
    )


def _load(contents: Contents) -> _Section | None:
    known = facts.commands(contents)
    if not contents.images:
        return None
    return (
        "images",
        "Load the container images",
        "<p>All images are in one tar that container tools read as it is:</p>"
        + _command("Take it out of the archive", *known.take_images)
        + '<div class="side">'
        + _command("Docker", *known.docker)
        + _command("Podman", *known.podman)
        + "</div>"
        + _command("Kubernetes nodes with containerd", *known.containerd)
        + "<p>Docker gets one platform of each image this way, the first one named below. For the others, or to "
        "feed a cluster, serve the archive as a registry and pull from it:</p>"
        + _command("The machine that has the archive", *known.serve_network)
        + _command("For instance; from another machine, its name stands for localhost", *known.pull)
        + "<p>Served on a network, it is a registry without encryption: Docker wants its name among the "
        "<code>insecure-registries</code>, Podman the option shown.</p>",
    )


def _take(contents: Contents) -> _Section | None:
    if not contents.files:
        return None
    return (
        "files",
        "Take out the downloads",
        "<p>Downloaded files keep the path they had on their server:</p>"
        + _command("Terminal", *facts.commands(contents).files),
    )


def _inventory(contents: Contents) -> _Section:
    parts: list[str] = []
    if contents.docs:
        parts.append("<h3>Documentation</h3>" + _table(facts.DOC_COLUMNS, facts.doc_rows(contents)))
    if contents.images:
        parts.append("<h3>Container images</h3>" + _table(facts.IMAGE_COLUMNS, facts.image_rows(contents)))
    if contents.files:
        parts.append("<h3>Downloads</h3>" + _table(facts.FILE_COLUMNS, facts.file_rows(contents)))
    return "contents", "What is in here", "\n".join(parts)


def _failures(contents: Contents) -> _Section | None:
    rows = facts.failure_rows(contents)
    if not rows:
        return None
    unseen = len(contents.failures) - len(rows)
    more = f"<p>And {unseen:,} more, listed in <code>bundle.json</code>.</p>" if unseen else ""
    return (
        "missing",
        "What is missing",
        "<p>This could not be fetched for this copy, or was left out of it:</p>"
        + _table(facts.FAILURE_COLUMNS, rows)
        + more,
    )


def _layout(contents: Contents) -> _Section:
    rows = [((name,), (purpose,)) for name, purpose in facts.layout(contents)]
    return "layout", "The files of this archive", _table(("File", "What it is"), rows)


def _command(caption: str, *lines: str) -> str:
    code = escape("\n".join(lines))
    return f'<figure class="command"><figcaption>{escape(caption)}</figcaption><pre tabindex="0"><code>{code}</code></pre></figure>'


def _table(columns: Sequence[str], rows: Sequence[Sequence[facts.Cell]]) -> str:
    """A table whose cells are a first line and, below it, small print."""
    heads = "".join(f'<th{_kind(column)} scope="col">{escape(column)}</th>' for column in columns)
    body = "\n".join(
        "<tr>" + "".join(_cell(column, cell) for column, cell in zip(columns, row)) + "</tr>" for row in rows
    )
    return (
        f'<div class="scroll"><table class="stack"><thead><tr>{heads}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody></table></div>"
    )


def _cell(column: str, cell: facts.Cell) -> str:
    first, *small = cell
    lines = "".join(f"<small>{escape(line)}</small>" for line in small if line)
    return f'<td{_kind(column)} data-name="{escape(column)}">{escape(first)}{lines}</td>'


def _kind(column: str) -> str:
    return ' class="size"' if column in facts.NUMBER_COLUMNS else ""
