"""The report as a page: one file without scripts and without a network request.

URLs, messages and names come from strangers: all text is escaped, and only http(s) URLs become links.
"""

from __future__ import annotations

from html import escape
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Sequence

from archiver.core.reasons import (
    BUSY_HOST,
    DEAD_HOST,
    NO_ROBOTS,
    NOT_WEB,
    OTHER_LOCALE,
    OTHER_VERSION,
    OUTSIDE,
    ROBOTS,
)
from archiver.core.reportmarkup import ReportMarkup, moment_text, report_facts, report_links, report_state
from archiver.core.reportstyle import STYLE

if TYPE_CHECKING:
    from archiver.core.report import Report

_ADVICE = {
    ROBOTS: "The site's robots.txt forbids these. If you may archive them all the same, set robots: ignore in the spec.",
    NO_ROBOTS: "The host's robots.txt could not be read, which forbids everything there. The next run asks for these.",
    DEAD_HOST: "Several URLs in a row got no connection, so the rest of the host was not tried.",
    BUSY_HOST: "The host wanted no more requests, again and again. The next run asks for these; fewer connections or a delay in the spec may help.",
    OUTSIDE: "Pages that belong to the site after all can be added to scope.include in the spec.",
    OTHER_VERSION: "The spec selects versions, and these are of others.",
    OTHER_LOCALE: "The spec selects locales, and these are of others.",
    NOT_WEB: "Mail addresses, telephone numbers and the like.",
}


def report_page(report: Report) -> bytes:
    """Return the page as UTF-8."""
    page = Template(files("archiver.collect").joinpath("templates/report.html").read_text("utf-8"))
    return page.substitute(
        style=STYLE,
        title=escape(report.title),
        project=escape(report.project),
        snapshot=escape(report.snapshot),
        program=escape(report.program),
        document=escape(f"{report.snapshot}.report.json"),
        lead=escape(
            f"What the run from {moment_text(report.started)} to {moment_text(report.finished)} found and got"
        ),
        state=report_state(report),
        facts="\n".join(report_facts(report)),
        links=_navigation(report_links(report)),
        body=ReportMarkup(_link, _ADVICE).sections(report),
    ).encode("utf-8", "replace")


def _navigation(links: Sequence[tuple[str, str]]) -> str:
    anchors = "\n".join(f'<a href="{escape(target)}">{escape(name)}</a>' for target, name in links)
    return f'<nav aria-label="On this page">\n{anchors}\n</nav>' if links else ""


def _link(url: str) -> str:
    if url.startswith(("http://", "https://")):
        return f'<a href="{escape(url)}" rel="noreferrer noopener">{escape(url)}</a>'
    return escape(url)
