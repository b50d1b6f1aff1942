"""README.html: one page that fetches nothing; its only script is its own, by hash, and it works without."""

from __future__ import annotations

import base64
import hashlib
import re
from html import escape
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Sequence

from archiver.bundle.readme import facts
from archiver.bundle.readme.blocks import NUMBERS, Commands, Fold, Heading, Paragraph
from archiver.bundle.readme.sections import sections
from archiver.version import PROGRAM

if TYPE_CHECKING:
    from archiver.bundle.closure import Contents
    from archiver.bundle.readme.blocks import Block, Cell, Section, Table

_SYSTEMS = {"linux": "Linux", "macos": "macOS", "windows": "Windows PowerShell"}
_CODE = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"\[([^\]<]*)\]\((#[a-z]+)\)")
_DIGEST = re.compile(r"sha(?:256|512):[0-9a-f]+")


def render(contents: Contents, *, signed: bool = False) -> bytes:
    """Return the page; ``signed`` says whether a signature comes with it."""
    templates = files("archiver.bundle").joinpath("templates")
    script = templates.joinpath("readme.js").read_text("utf-8")
    parts = sections(contents, signed=signed)
    step = 0
    body: list[str] = []
    for part in parts:
        step += part.is_step
        body.append(_section(part, step))
    page = Template(templates.joinpath("README.html").read_text("utf-8"))
    return page.substitute(
        kind="Offline update" if contents.base else "Offline archive",
        title=escape(facts.title(contents)),
        lead=escape(facts.lead(contents)),
        numbers="\n".join(
            f"<li><b>{escape(value)}</b>{escape(label)}</li>" for value, label in facts.numbers(contents)
        ),
        origin="\n".join(
            f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts.origin_rows(contents)
        ),
        state=_state(contents),
        links="\n".join(f'<li><a href="#{part.anchor}">{escape(part.short)}</a></li>' for part in parts),
        body="\n".join(body),
        snapshot=escape(contents.snapshot.id),
        project=escape(contents.snapshot.project),
        program=escape(PROGRAM),
        script=script,
        script_hash=f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}",
    ).encode("utf-8")


def _section(part: Section, step: int) -> str:
    number = f'<span class="step">{step}</span>' if part.is_step else ""
    content = "\n".join(map(_block, part.blocks))
    return f'<section id="{part.anchor}">\n<h2>{number}{escape(part.title)}</h2>\n{content}\n</section>'


def _state(contents: Contents) -> str:
    said = [f"<p>{escape(sentence)}</p>" for sentence in facts.state(contents)]
    if contents.failures:
        said.append('<p><a href="#missing">See what is missing</a></p>')
    kind = "note warn" if contents.failures or facts.reservations(contents) else "note"
    return f'<div class="{kind}">{"".join(said)}</div>'


def _block(block: Block) -> str:
    if isinstance(block, Paragraph):
        return f"<p>{_inline(block.text)}</p>"
    if isinstance(block, Commands):
        return _commands(block)
    if isinstance(block, Heading):
        return f"<h3>{escape(block.text)}</h3>"
    if isinstance(block, Fold):
        inner = "\n".join(map(_block, block.blocks))
        return f"<details><summary>{_inline(block.summary)}</summary><div>\n{inner}\n</div></details>"
    return _table(block)


def _inline(text: str) -> str:
    return _LINK.sub(r'<a href="\2">\1</a>', _CODE.sub(r"<code>\1</code>", escape(text)))


def _commands(block: Commands) -> str:
    lines = "\n".join(
        f'<div class="lines {" ".join(systems)}">{_which(systems)}'
        f'<pre tabindex="0"><code>{escape(chr(10).join(text))}</code></pre></div>'
        for systems, text in block.variants
    )
    known = " ".join(system for systems, _ in block.variants for system in systems)
    return f'<figure class="command {known}"><figcaption>{_inline(block.caption)}</figcaption>\n{lines}\n</figure>'


def _which(systems: Sequence[str]) -> str:
    """For whom some lines are, told on paper, where the page cannot show those of one system only."""
    named = ", ".join(map(_SYSTEMS.__getitem__, systems))
    return f'<p class="which">{named}</p>' if len(systems) < len(_SYSTEMS) else ""


def _table(table: Table) -> str:
    """A table whose cells are a first line and, below it, small print."""
    heads = "".join(f'<th{_kind(column)} scope="col">{escape(column)}</th>' for column in table.columns)
    body = "\n".join(
        "<tr>" + "".join(_cell(column, cell) for column, cell in zip(table.columns, row)) + "</tr>"
        for row in table.rows
    )
    return (
        f'<div class="scroll"><table class="stack"><thead><tr>{heads}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody></table></div>"
    )


def _cell(column: str, cell: Cell) -> str:
    first, *small = cell
    lines = "".join(f"<small{_small_kind(line)}>{escape(line)}</small>" for line in small if line)
    return f'<td{_kind(column)} data-name="{escape(column)}">{escape(first)}{lines}</td>'


def _kind(column: str) -> str:
    return ' class="size"' if column in NUMBERS else ""


def _small_kind(line: str) -> str:
    return ' class="digest"' if _DIGEST.fullmatch(line) else ""
