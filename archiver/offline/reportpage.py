"""The crawl report as the server shows it: its links lead to what is archived, and to nothing outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archiver.core.reasons import (
    BUSY_HOST,
    DEAD_HOST,
    NO_ROBOTS,
    NOT_WEB,
    OTHER_LOCALE,
    OTHER_VERSION,
    OUTSIDE,
    PRIVATE,
    ROBOTS,
)
from archiver.core.reportmarkup import ReportMarkup, moment_text, report_facts, report_links, report_state
from archiver.offline.markup import esc, page

if TYPE_CHECKING:
    from typing import Callable

    from archiver.core.report import Report
    from archiver.offline.wsgi import Reply

_EXPLAINED = {
    ROBOTS: "The site's robots.txt asks programs to leave these alone.",
    NO_ROBOTS: "The host's robots.txt could not be read, which forbids everything there.",
    DEAD_HOST: "Several URLs in a row got no connection, so the rest of the host was not tried.",
    BUSY_HOST: "The host wanted no more requests, again and again.",
    OUTSIDE: "Linked to, and no part of what was to be archived.",
    OTHER_VERSION: "Chosen were other versions than those that these URLs show.",
    OTHER_LOCALE: "Chosen were other languages than those that these URLs show.",
    PRIVATE: "These lead into the network that the archive was made in.",
    NOT_WEB: "Mail addresses, telephone numbers and the like.",
}


def report_page(report: Report, locate: Callable[[str], str | None], *, root: str, back: str) -> Reply:
    """Return the page.

    Args:
        report: what the run found, got, left out and missed.
        locate: returns where an original URL is served, None where nothing is known of it.
        root: the path below which this server's own pages are.
        back: the path of the project's page.
    """

    def link(url: str) -> str:
        here = locate(url) if url.startswith(("http://", "https://")) else None
        return f'<a href="{esc(here)}">{esc(url)}</a>' if here else f'<span class="from">{esc(url)}</span>'

    links = "".join(f'<a href="{esc(target)}">{esc(name)}</a>' for target, name in report_links(report))
    navigation = f'<nav aria-label="On this page">{links}</nav>' if links else ""
    title = report.title or report.project
    return page(
        f"Report · {title}",
        f'<div class="report"><header class="top"><div class="wrap"><p class="eyebrow"><a href="{esc(back)}">{esc(title)}</a>'
        f'</p><h1>Crawl report</h1><p class="lead">What the run from {esc(moment_text(report.started))} to '
        f"{esc(moment_text(report.finished))} found and got</p>{report_state(report)}"
        f'<ul class="facts" role="list">{"".join(report_facts(report))}</ul>{navigation}</div></header>'
        f'<main id="main" class="wrap">{ReportMarkup(link, _EXPLAINED).sections(report)}</main></div>',
        root=root,
    )


def no_report_page(title: str, reason: str, *, root: str, back: str) -> Reply:
    """Return the page that stands for a report that is not there, or is damaged."""
    return page(
        f"Report · {title}",
        f'<main id="main" class="wrap miss"><p class="eyebrow"><a href="{esc(back)}">{esc(title)}</a></p>'
        f'<h1>No crawl report</h1><p class="notice">{esc(reason)}</p></main>',
        status=404,
        root=root,
    )
